
2
xPlaceholder*
dtype0*
shape
:

mulMulxx*
T0"ª