"func.func"() ({
^bb0(%x: tensor<1x4x!llil.fixed<64, 12, "secret">>, %w: tensor<4x2x!llil.fixed<64, 12, "secret">>, %b: tensor<2x!llil.fixed<64, 24, "secret">>):
  %0 = "llil.matmul"(%x, %w) : (tensor<1x4x!llil.fixed<64, 12, "secret">>, tensor<4x2x!llil.fixed<64, 12, "secret">>) -> tensor<1x2x!llil.fixed<64, 24, "secret">> loc("dense")
  %1 = "llil.add"(%0, %b) : (tensor<1x2x!llil.fixed<64, 24, "secret">>, tensor<2x!llil.fixed<64, 24, "secret">>) -> tensor<1x2x!llil.fixed<64, 24, "secret">> loc("bias")
  %2 = "llil.scale_down"(%1) {shift = 12 : i64, rounding = "exact"} : (tensor<1x2x!llil.fixed<64, 24, "secret">>) -> tensor<1x2x!llil.fixed<64, 12, "secret">> loc("bias")
  %3 = "llil.relu"(%2) : (tensor<1x2x!llil.fixed<64, 12, "secret">>) -> tensor<1x2x!llil.fixed<64, 12, "secret">> loc("relu")
  "func.return"(%3) : (tensor<1x2x!llil.fixed<64, 12, "secret">>) -> ()
}) {arg_attrs = [{llil.kind = "input", llil.name = "x", llil.owner = "client"}, {llil.kind = "weight", llil.name = "w", llil.owner = "server"}, {llil.kind = "weight", llil.name = "b", llil.owner = "server"}], function_type = (tensor<1x4x!llil.fixed<64, 12, "secret">>, tensor<4x2x!llil.fixed<64, 12, "secret">>, tensor<2x!llil.fixed<64, 24, "secret">>) -> tensor<1x2x!llil.fixed<64, 12, "secret">>, res_attrs = [{llil.name = "y0", llil.owner = ["client"], llil.post = "none"}], sym_name = "main"} : () -> ()
