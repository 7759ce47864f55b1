// A dense layer: the bias is encoded with the fraction bits of the product.
"func.func"() ({
^bb0(%x: tensor<1x4x!hlil.secret<f32>>, %w: tensor<4x2x!hlil.secret<f32>>, %b: tensor<2x!hlil.secret<f32>>):
  %0 = "hlil.matmul"(%x, %w) : (tensor<1x4x!hlil.secret<f32>>, tensor<4x2x!hlil.secret<f32>>) -> tensor<1x2x!hlil.secret<f32>> loc("dense")
  %1 = "hlil.add"(%0, %b) : (tensor<1x2x!hlil.secret<f32>>, tensor<2x!hlil.secret<f32>>) -> tensor<1x2x!hlil.secret<f32>> loc("bias")
  %2 = "hlil.relu"(%1) : (tensor<1x2x!hlil.secret<f32>>) -> tensor<1x2x!hlil.secret<f32>> loc("relu")
  "func.return"(%2) : (tensor<1x2x!hlil.secret<f32>>) -> ()
}) {arg_attrs = [{hlil.kind = "input", hlil.name = "x", hlil.owner = "client"}, {hlil.kind = "weight", hlil.name = "w", hlil.owner = "server"}, {hlil.kind = "weight", hlil.name = "b", hlil.owner = "server"}], function_type = (tensor<1x4x!hlil.secret<f32>>, tensor<4x2x!hlil.secret<f32>>, tensor<2x!hlil.secret<f32>>) -> tensor<1x2x!hlil.secret<f32>>, res_attrs = [{hlil.name = "y0", hlil.owner = ["client"], hlil.post = "none"}], sym_name = "main"} : () -> ()
