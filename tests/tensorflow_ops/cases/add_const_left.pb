
N
wConst*
dtype0*5
value,B*"bzd¿8ò¿±7õ¾Ñë¾X%?~šŽ?
2
xPlaceholder*
dtype0*
shape
:

AddAddwx*
T0"ª