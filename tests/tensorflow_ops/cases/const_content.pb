
2
xPlaceholder*
dtype0*
shape
:
B
wConst*
dtype0*)
value B"j0ˆ?®Ó&¿ç<-¿Äà´¾

AddAddV2xw*
T0"ª