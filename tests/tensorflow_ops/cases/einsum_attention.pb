
:
xPlaceholder*
dtype0*
shape:
:
yPlaceholder*
dtype0*
shape:
G
EinsumEinsumxy*
N*
T0*
equationbqhd,bkhd->bhqk"ª