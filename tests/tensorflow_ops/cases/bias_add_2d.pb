
2
xPlaceholder*
dtype0*
shape
:
:
wConst*
dtype0*!
valueB"ºO¡¾„Äæ¾Ggf¿
8
BiasAddBiasAddxw*
T0*
data_formatNHWC"ª