
2
xPlaceholder*
dtype0*
shape
:
+
log_probabilities
LogSoftmaxx*
T0"ª