
2
xPlaceholder*
dtype0*
shape
:
9
paddingsPlaceholder*
dtype0*
shape
:
1
padPadxpaddings*
	Tpaddings0*
T0"ª