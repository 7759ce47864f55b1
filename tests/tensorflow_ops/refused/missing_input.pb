
2
xPlaceholder*
dtype0*
shape
:

reluRelunowhere*
T0"ª