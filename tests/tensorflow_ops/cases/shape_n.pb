
2
xPlaceholder*
dtype0*
shape
:
2
yPlaceholder*
dtype0*
shape
:
8
ShapeNShapeNxy*
N*
T0*
out_type0
6
ReshapeReshapexShapeN:1*
Tshape0*
T0
6
	Reshape_1ReshapeyShapeN*
Tshape0*
T0
@
	Reshape_2Reshape	Reshape_1ShapeN:1*
Tshape0*
T0
)
addAddV2Reshape	Reshape_2*
T0"ª