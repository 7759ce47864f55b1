"func.func"() ({
^bb0(%x: tensor<1x3x4x4x!hlil.secret<f32>>):
  %0 = "hlil.max_pool"(%x) {kernel = [2, 2], strides = [2, 2], pads = [0, 0, 0, 0], dilations = [1, 1]} : (tensor<1x3x4x4x!hlil.secret<f32>>) -> tensor<1x3x2x2x!hlil.secret<f32>> loc("pool")
  %1 = "hlil.relu"(%0) : (tensor<1x3x2x2x!hlil.secret<f32>>) -> tensor<1x3x2x2x!hlil.secret<f32>> loc("pool")
  "func.return"(%1) : (tensor<1x3x2x2x!hlil.secret<f32>>) -> ()
}) {arg_attrs = [{hlil.kind = "input", hlil.name = "x", hlil.owner = "client"}], function_type = (tensor<1x3x4x4x!hlil.secret<f32>>) -> tensor<1x3x2x2x!hlil.secret<f32>>, res_attrs = [{hlil.name = "y0", hlil.owner = ["client"], hlil.post = "none"}], sym_name = "main"} : () -> ()
