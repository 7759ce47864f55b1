
2
xPlaceholder*
dtype0*
shape
:
7
barrierNoOp*&
 _has_manual_control_dependencies(
c
unusedConst*&
 _has_manual_control_dependencies(*
dtype0*
valueB"k„×>‘6>
+
ReluRelux^barrier^unused*
T0"ª