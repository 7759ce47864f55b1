
2
xPlaceholder*
dtype0*
shape
:

AsinAsinx*
T0

AcosAcosx*
T0

subSubAsinAcos*
T0"ª