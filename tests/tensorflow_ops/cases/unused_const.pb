
;
unusedConst*
dtype0*
valueB"šº¾UFl¿

idleNoOp
2
xPlaceholder*
dtype0*
shape
:

ReluRelux*
T0"ª