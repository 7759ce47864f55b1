// The second product is dead, and with it the weight u.
"func.func"() ({
^bb0(%x: tensor<1x4x!hlil.secret<f32>>, %w: tensor<4x2x!hlil.secret<f32>>, %u: tensor<4x8x!hlil.secret<f32>>):
  %0 = "hlil.matmul"(%x, %w) : (tensor<1x4x!hlil.secret<f32>>, tensor<4x2x!hlil.secret<f32>>) -> tensor<1x2x!hlil.secret<f32>> loc("dense")
  %1 = "hlil.matmul"(%x, %u) : (tensor<1x4x!hlil.secret<f32>>, tensor<4x8x!hlil.secret<f32>>) -> tensor<1x8x!hlil.secret<f32>> loc("unused")
  "func.return"(%0) : (tensor<1x2x!hlil.secret<f32>>) -> ()
}) {arg_attrs = [{hlil.kind = "input", hlil.name = "x", hlil.owner = "client"}, {hlil.kind = "weight", hlil.name = "w", hlil.owner = "server"}, {hlil.kind = "weight", hlil.name = "u", hlil.owner = "server"}], function_type = (tensor<1x4x!hlil.secret<f32>>, tensor<4x2x!hlil.secret<f32>>, tensor<4x8x!hlil.secret<f32>>) -> tensor<1x2x!hlil.secret<f32>>, res_attrs = [{hlil.name = "y0", hlil.owner = ["client"], hlil.post = "none"}], sym_name = "main"} : () -> ()
