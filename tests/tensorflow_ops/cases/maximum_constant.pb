
:
wConst*
dtype0*!
valueB"Õ[¾g0ê¾Â+ƒ<
2
xPlaceholder*
dtype0*
shape
:
!
MaximumMaximumwx*
T0"ª