
:
xPlaceholder*
dtype0*
shape:
:
wConst*
dtype0*!
valueB"„û¿Cà½¹°¾

AddAddxw*
T0"ª