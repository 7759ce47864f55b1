"func.func"() ({
^bb0(%x: tensor<1x2x4x4x!hlil.secret<f32>>, %w: tensor<3x2x1x1x!hlil.secret<f32>>, %b: tensor<3x!hlil.secret<f32>>):
  %0 = "hlil.conv"(%x, %w) {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1 : i64} : (tensor<1x2x4x4x!hlil.secret<f32>>, tensor<3x2x1x1x!hlil.secret<f32>>) -> tensor<1x3x4x4x!hlil.secret<f32>> loc("conv")
  %1 = "hlil.reshape"(%b) {shape = [1, 3, 1, 1]} : (tensor<3x!hlil.secret<f32>>) -> tensor<1x3x1x1x!hlil.secret<f32>> loc("bias")
  %2 = "hlil.add"(%0, %1) : (tensor<1x3x4x4x!hlil.secret<f32>>, tensor<1x3x1x1x!hlil.secret<f32>>) -> tensor<1x3x4x4x!hlil.secret<f32>> loc("bias")
  %3 = "hlil.relu"(%2) : (tensor<1x3x4x4x!hlil.secret<f32>>) -> tensor<1x3x4x4x!hlil.secret<f32>> loc("relu")
  %4 = "hlil.max_pool"(%3) {kernel = [2, 2], strides = [2, 2], pads = [0, 0, 0, 0], dilations = [1, 1]} : (tensor<1x3x4x4x!hlil.secret<f32>>) -> tensor<1x3x2x2x!hlil.secret<f32>> loc("pool")
  "func.return"(%4) : (tensor<1x3x2x2x!hlil.secret<f32>>) -> ()
}) {arg_attrs = [{hlil.kind = "input", hlil.name = "x", hlil.owner = "client"}, {hlil.kind = "weight", hlil.name = "w", hlil.owner = "server"}, {hlil.kind = "weight", hlil.name = "b", hlil.owner = "server"}], function_type = (tensor<1x2x4x4x!hlil.secret<f32>>, tensor<3x2x1x1x!hlil.secret<f32>>, tensor<3x!hlil.secret<f32>>) -> tensor<1x3x2x2x!hlil.secret<f32>>, res_attrs = [{hlil.name = "y", hlil.owner = ["client"], hlil.post = "none"}], sym_name = "main"} : () -> ()
