"func.func"() ({
^bb0(%x: tensor<1x4x!llil.fixed<64, 12, "secret">>, %w: tensor<4x2x!llil.fixed<64, 12, "secret">>):
  %0 = "llil.matmul"(%x, %w) {llil.frees = [0]} : (tensor<1x4x!llil.fixed<64, 12, "secret">>, tensor<4x2x!llil.fixed<64, 12, "secret">>) -> tensor<1x2x!llil.fixed<64, 24, "secret">> loc("dense")
  %1 = "llil.relu"(%0) : (tensor<1x2x!llil.fixed<64, 24, "secret">>) -> tensor<1x2x!llil.fixed<64, 24, "secret">> loc("relu")
  %2 = "llil.add"(%0, %1) {llil.frees = [0, 1]} : (tensor<1x2x!llil.fixed<64, 24, "secret">>, tensor<1x2x!llil.fixed<64, 24, "secret">>) -> tensor<1x2x!llil.fixed<64, 24, "secret">> loc("sum")
  "func.return"(%2) : (tensor<1x2x!llil.fixed<64, 24, "secret">>) -> ()
}) {arg_attrs = [{llil.kind = "input", llil.name = "x", llil.owner = "client"}, {llil.kind = "weight", llil.name = "w", llil.owner = "server"}], function_type = (tensor<1x4x!llil.fixed<64, 12, "secret">>, tensor<4x2x!llil.fixed<64, 12, "secret">>) -> tensor<1x2x!llil.fixed<64, 24, "secret">>, res_attrs = [{llil.name = "y0", llil.owner = ["client"], llil.post = "none"}], sym_name = "main"} : () -> ()
