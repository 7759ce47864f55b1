
2
xPlaceholder*
dtype0*
shape
:
:
wConst*
dtype0*!
valueB*»·i¿}Ó¸¾

AddAddV2xw*
T0"ª