
2
xPlaceholder*
dtype0*
shape
:
:
wConst*
dtype0*!
valueB"¿ÞÐ½ëÖµ>G¿
%
	BiasAddV1	BiasAddV1xw*
T0"ª