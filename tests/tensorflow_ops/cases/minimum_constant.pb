
:
wConst*
dtype0*!
valueB"	Ï¾Ñˆ£>ôÏŒ>
2
xPlaceholder*
dtype0*
shape
:
!
MinimumMinimumwx*
T0"ª