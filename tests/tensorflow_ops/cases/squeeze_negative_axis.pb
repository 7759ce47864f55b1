
:
xPlaceholder*
dtype0*
shape:
>
SqueezeSqueezex*
T0*
squeeze_dims

þÿÿÿÿÿÿÿÿ"ª