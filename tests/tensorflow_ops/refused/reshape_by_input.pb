
2
xPlaceholder*
dtype0*
shape
:
2
shapePlaceholder*
dtype0*
shape:
3
reshapeReshapexshape*
Tshape0*
T0"ª