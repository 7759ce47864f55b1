
:
xPlaceholder*
dtype0*
shape:
K
Mean/reduction_indicesConst*
dtype0*
valueB"þÿÿÿýÿÿÿ
M
MeanMeanxMean/reduction_indices*

Tidx0*
T0*
	keep_dims("ª