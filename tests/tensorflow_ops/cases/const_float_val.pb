
2
xPlaceholder*
dtype0*
shape
:
B
wConst*
dtype0*)
value B*n©z½“+Ã=È¿Õ‚>

AddAddV2xw*
T0"ª