
N
wConst*
dtype0*5
value,B*"­u	?°ú­¾‘&½¾•é¾M{T>þL?
2
xPlaceholder*
dtype0*
shape
:

AddV2AddV2wx*
T0"ª