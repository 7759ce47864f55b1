// The activations are a hundred times as large as the weights, and have that many fewer fraction bits.
"func.func"() ({
^bb0(%x: tensor<1x4x!hlil.secret<f32>>, %w: tensor<4x2x!hlil.secret<f32>>):
  %0 = "hlil.matmul"(%x, %w) {hlil.mean_abs = 200.0 : f64, hlil.range = [-512.0, 512.0], hlil.range_origin = "calibrated"} : (tensor<1x4x!hlil.secret<f32>>, tensor<4x2x!hlil.secret<f32>>) -> tensor<1x2x!hlil.secret<f32>> loc("product")
  %1 = "hlil.relu"(%0) {hlil.mean_abs = 100.0 : f64, hlil.range = [0.0, 512.0], hlil.range_origin = "calibrated"} : (tensor<1x2x!hlil.secret<f32>>) -> tensor<1x2x!hlil.secret<f32>> loc("relu")
  "func.return"(%1) : (tensor<1x2x!hlil.secret<f32>>) -> ()
}) {arg_attrs = [{hlil.kind = "input", hlil.name = "x", hlil.owner = "client", hlil.mean_abs = 64.0 : f64, hlil.range = [-256.0, 256.0], hlil.range_origin = "calibrated"}, {hlil.kind = "weight", hlil.name = "w", hlil.owner = "server"}], function_type = (tensor<1x4x!hlil.secret<f32>>, tensor<4x2x!hlil.secret<f32>>) -> tensor<1x2x!hlil.secret<f32>>, res_attrs = [{hlil.name = "y0", hlil.owner = ["client"], hlil.post = "none"}], sym_name = "main"} : () -> ()
