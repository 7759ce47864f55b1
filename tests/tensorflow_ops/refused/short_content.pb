
2
xPlaceholder*
dtype0*
shape
:
5
wConst*
dtype0*
valueB"1234567

AddAddV2xw*
T0"ª