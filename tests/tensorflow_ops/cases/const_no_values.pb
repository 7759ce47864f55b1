
2
xPlaceholder*
dtype0*
shape
:
0
wConst*
dtype0*
valueB

AddAddV2xw*
T0"ª