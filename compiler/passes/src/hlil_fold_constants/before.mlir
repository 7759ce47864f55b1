// Two ops on a weight become the recipe of a new weight, the product of two constants one constant.
"func.func"() ({
^bb0(%x: tensor<1x4x!hlil.secret<f32>>, %w: tensor<2x4x!hlil.secret<f32>>):
  %0 = "hlil.constant"() {shape = [], values = [0.5]} : () -> tensor<f32> loc("half")
  %1 = "hlil.constant"() {shape = [], values = [3.0]} : () -> tensor<f32> loc("three")
  %2 = "hlil.mul"(%0, %1) : (tensor<f32>, tensor<f32>) -> tensor<f32> loc("factor")
  %3 = "hlil.transpose"(%w) {perm = [1, 0]} : (tensor<2x4x!hlil.secret<f32>>) -> tensor<4x2x!hlil.secret<f32>> loc("w/t")
  %4 = "hlil.mul"(%3, %2) : (tensor<4x2x!hlil.secret<f32>>, tensor<f32>) -> tensor<4x2x!hlil.secret<f32>> loc("w/scaled")
  %5 = "hlil.matmul"(%x, %4) : (tensor<1x4x!hlil.secret<f32>>, tensor<4x2x!hlil.secret<f32>>) -> tensor<1x2x!hlil.secret<f32>> loc("dense")
  %6 = "hlil.add"(%5, %2) : (tensor<1x2x!hlil.secret<f32>>, tensor<f32>) -> tensor<1x2x!hlil.secret<f32>> loc("shift")
  "func.return"(%6) : (tensor<1x2x!hlil.secret<f32>>) -> ()
}) {arg_attrs = [{hlil.kind = "input", hlil.name = "x", hlil.owner = "client"}, {hlil.kind = "weight", hlil.name = "w", hlil.owner = "server"}], function_type = (tensor<1x4x!hlil.secret<f32>>, tensor<2x4x!hlil.secret<f32>>) -> tensor<1x2x!hlil.secret<f32>>, res_attrs = [{hlil.name = "y0", hlil.owner = ["client"], hlil.post = "none"}], sym_name = "main"} : () -> ()
