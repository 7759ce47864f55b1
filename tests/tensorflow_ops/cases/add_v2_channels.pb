
:
xPlaceholder*
dtype0*
shape:
:
wConst*
dtype0*!
valueB"Ø¯ó¾èëj>[l×=

AddV2AddV2xw*
T0"ª