
2
xPlaceholder*
dtype0*
shape
:

TanTanx*
T0

AtanhAtanhx*
T0
!
addAddV2TanAtanh*
T0"ª