
:
xPlaceholder*
dtype0*
shape:
:
wConst*
dtype0*!
valueB"ôsŒ¿{U½*\M¾
8
BiasAddBiasAddxw*
T0*
data_formatNHWC"ª