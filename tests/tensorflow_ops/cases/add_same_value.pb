
2
xPlaceholder*
dtype0*
shape
:

addAddV2xx*
T0"ª