"func.func"() ({
^bb0(%x: tensor<2x4x!hlil.secret<f32>>):
  %0 = "hlil.constant"() {shape = [], values = [8.0]} : () -> tensor<f32> loc("scale")
  %1 = "hlil.apply"(%0) {function = "reciprocal", parameter = 0.0 : f64} : (tensor<f32>) -> tensor<f32> loc("div")
  %2 = "hlil.mul"(%x, %1) : (tensor<2x4x!hlil.secret<f32>>, tensor<f32>) -> tensor<2x4x!hlil.secret<f32>> loc("div")
  %3 = "hlil.reduce_max"(%2) {axes = [1], keepdims = true} : (tensor<2x4x!hlil.secret<f32>>) -> tensor<2x1x!hlil.secret<f32>> loc("softmax")
  %4 = "hlil.sub"(%2, %3) : (tensor<2x4x!hlil.secret<f32>>, tensor<2x1x!hlil.secret<f32>>) -> tensor<2x4x!hlil.secret<f32>> loc("softmax")
  %5 = "hlil.apply"(%4) {function = "exp", parameter = 0.0 : f64} : (tensor<2x4x!hlil.secret<f32>>) -> tensor<2x4x!hlil.secret<f32>> loc("softmax")
  %6 = "hlil.reduce_sum"(%5) {axes = [1], keepdims = true} : (tensor<2x4x!hlil.secret<f32>>) -> tensor<2x1x!hlil.secret<f32>> loc("softmax")
  %7 = "hlil.apply"(%6) {function = "reciprocal", parameter = 0.0 : f64} : (tensor<2x1x!hlil.secret<f32>>) -> tensor<2x1x!hlil.secret<f32>> loc("softmax")
  %8 = "hlil.mul"(%5, %7) : (tensor<2x4x!hlil.secret<f32>>, tensor<2x1x!hlil.secret<f32>>) -> tensor<2x4x!hlil.secret<f32>> loc("softmax")
  "func.return"(%8) : (tensor<2x4x!hlil.secret<f32>>) -> ()
}) {arg_attrs = [{hlil.kind = "input", hlil.name = "x", hlil.owner = "client"}], function_type = (tensor<2x4x!hlil.secret<f32>>) -> tensor<2x4x!hlil.secret<f32>>, res_attrs = [{hlil.name = "y0", hlil.owner = ["client"], hlil.post = "none"}], sym_name = "main"} : () -> ()
