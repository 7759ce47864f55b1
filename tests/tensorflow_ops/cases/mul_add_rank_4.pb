
:
xPlaceholder*
dtype0*
shape:
>
wConst*
dtype0*%
valueB"'"”>Á¾

mulMulxw*
T0
P
w_1Const*
dtype0*5
value,B*"»÷?œ‚¿ Œ¿þ?Žë=‚Òê>

AddAddV2mulw_1*
T0"ª