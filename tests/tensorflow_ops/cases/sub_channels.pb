
:
xPlaceholder*
dtype0*
shape:
:
wConst*
dtype0*!
valueB"éšª¼9ˆ%¾5²¿

SubSubxw*
T0"ª