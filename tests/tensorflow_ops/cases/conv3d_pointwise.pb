
V
wConst*
dtype0*=
value4B2"	»ì¾º®¶>ï`>®Ï‹>Yês¾Å07<
>
xPlaceholder*
dtype0*
shape:
y
Conv3DConv3Dxw*
T0*
data_formatNDHWC*
	dilations	
*
paddingVALID*
strides	
"ª