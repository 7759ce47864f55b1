"func.func"() ({
^bb0(%x: tensor<1x4x!hlil.secret<f32>>, %w.folded: tensor<4x2x!hlil.secret<f32>>):
  %0 = "hlil.matmul"(%x, %w.folded) : (tensor<1x4x!hlil.secret<f32>>, tensor<4x2x!hlil.secret<f32>>) -> tensor<1x2x!hlil.secret<f32>> loc("dense")
  %1 = "hlil.constant"() {shape = [], values = [1.5]} : () -> tensor<f32> loc("factor")
  %2 = "hlil.add"(%0, %1) : (tensor<1x2x!hlil.secret<f32>>, tensor<f32>) -> tensor<1x2x!hlil.secret<f32>> loc("shift")
  "func.return"(%2) : (tensor<1x2x!hlil.secret<f32>>) -> ()
}) {arg_attrs = [{hlil.kind = "input", hlil.name = "x", hlil.owner = "client"}, {hlil.kind = "weight", hlil.name = "w.folded", hlil.owner = "server"}], function_type = (tensor<1x4x!hlil.secret<f32>>, tensor<4x2x!hlil.secret<f32>>) -> tensor<1x2x!hlil.secret<f32>>, res_attrs = [{hlil.name = "y0", hlil.owner = ["client"], hlil.post = "none"}], sym_name = "main"} : () -> ()
