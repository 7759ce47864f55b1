
.
xPlaceholder*
dtype0*
shape:
.
yPlaceholder*
dtype0*
shape:
?
EinsumEinsumxy*
N*
T0*
equation	a,b->ab"ª