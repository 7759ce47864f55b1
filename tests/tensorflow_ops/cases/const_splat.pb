
2
xPlaceholder*
dtype0*
shape
:
6
wConst*
dtype0*
valueB*j¶ç<

AddAddV2xw*
T0"ª