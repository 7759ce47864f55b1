
:
xPlaceholder*
dtype0*
shape:
:
wConst*
dtype0*!
valueB"~wÑ¼Û¥?5oà>

MulMulxw*
T0"ª