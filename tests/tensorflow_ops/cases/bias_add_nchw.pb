
:
xPlaceholder*
dtype0*
shape:
:
wConst*
dtype0*!
valueB"ó÷o¾´yï¾ÖˆŽ>
8
BiasAddBiasAddxw*
T0*
data_formatNCHW
&
IdentityIdentityBiasAdd*
T0"ª