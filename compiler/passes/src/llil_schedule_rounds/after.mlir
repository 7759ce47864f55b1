"func.func"() ({
^bb0(%x: tensor<1x4x!llil.fixed<64, 12, "secret">>):
  %0 = "llil.relu"(%x) {llil.strand = [0, 0]} : (tensor<1x4x!llil.fixed<64, 12, "secret">>) -> tensor<1x4x!llil.fixed<64, 12, "secret">> loc("left")
  %1 = "llil.neg"(%x) {llil.strand = [0, 1]} : (tensor<1x4x!llil.fixed<64, 12, "secret">>) -> tensor<1x4x!llil.fixed<64, 12, "secret">> loc("right")
  %2 = "llil.relu"(%1) {llil.strand = [0, 1]} : (tensor<1x4x!llil.fixed<64, 12, "secret">>) -> tensor<1x4x!llil.fixed<64, 12, "secret">> loc("right")
  %3 = "llil.add"(%0, %2) : (tensor<1x4x!llil.fixed<64, 12, "secret">>, tensor<1x4x!llil.fixed<64, 12, "secret">>) -> tensor<1x4x!llil.fixed<64, 12, "secret">> loc("magnitude")
  "func.return"(%3) : (tensor<1x4x!llil.fixed<64, 12, "secret">>) -> ()
}) {arg_attrs = [{llil.kind = "input", llil.name = "x", llil.owner = "client"}], function_type = (tensor<1x4x!llil.fixed<64, 12, "secret">>) -> tensor<1x4x!llil.fixed<64, 12, "secret">>, res_attrs = [{llil.name = "y", llil.owner = ["client"], llil.post = "none"}], sym_name = "main"} : () -> ()
