
2
xPlaceholder*
dtype0*
shape
:
7
ConstConst*
dtype0*
valueB:
.
PadPadxConst*
	Tpaddings0*
T0"ª