
2
xPlaceholder*
dtype0*
shape
:

SoftmaxSoftmaxx*
T0
%
mulMulSoftmaxSoftmax*
T0"ª