
2
xPlaceholder*
dtype0*
shape
:

reluRelux*
T0

reluRelurelu*
T0"ª