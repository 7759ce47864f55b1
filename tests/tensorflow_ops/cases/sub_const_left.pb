
N
wConst*
dtype0*5
value,B*"m¼4?Lƒ¾?9‡¤>Ñý¼>—õ= ’>
2
xPlaceholder*
dtype0*
shape
:

SubSubwx*
T0"ª