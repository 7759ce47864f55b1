"func.func"() ({
^bb0(%x: tensor<1x1x4x4x!llil.fixed<64, 24, "secret">>):
  %0 = "llil.max_pool"(%x) {kernel = [2, 2], strides = [2, 2], pads = [0, 0, 0, 0], dilations = [1, 1]} : (tensor<1x1x4x4x!llil.fixed<64, 24, "secret">>) -> tensor<1x1x2x2x!llil.fixed<64, 24, "secret">> loc("pool")
  %1 = "llil.relu"(%0) : (tensor<1x1x2x2x!llil.fixed<64, 24, "secret">>) -> tensor<1x1x2x2x!llil.fixed<64, 24, "secret">> loc("relu")
  %2 = "llil.scale_down"(%1) {shift = 12 : i64, rounding = "exact"} : (tensor<1x1x2x2x!llil.fixed<64, 24, "secret">>) -> tensor<1x1x2x2x!llil.fixed<64, 12, "secret">> loc("relu")
  "func.return"(%2) : (tensor<1x1x2x2x!llil.fixed<64, 12, "secret">>) -> ()
}) {arg_attrs = [{llil.kind = "input", llil.name = "x", llil.owner = "client"}], function_type = (tensor<1x1x4x4x!llil.fixed<64, 24, "secret">>) -> tensor<1x1x2x2x!llil.fixed<64, 12, "secret">>, res_attrs = [{llil.name = "y0", llil.owner = ["client"], llil.post = "none"}], sym_name = "main"} : () -> ()
