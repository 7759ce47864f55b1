
2
xPlaceholder*
dtype0*
shape
:
.
leaky	LeakyRelux*
T0*
alpha%ÍÌL>"ª