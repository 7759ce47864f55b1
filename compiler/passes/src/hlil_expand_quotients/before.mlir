// A scaled attention row: the divisor of the logits is public, that of the softmax is not.
"func.func"() ({
^bb0(%x: tensor<2x4x!hlil.secret<f32>>):
  %0 = "hlil.constant"() {shape = [], values = [8.0]} : () -> tensor<f32> loc("scale")
  %1 = "hlil.div"(%x, %0) : (tensor<2x4x!hlil.secret<f32>>, tensor<f32>) -> tensor<2x4x!hlil.secret<f32>> loc("div")
  %2 = "hlil.softmax"(%1) {axis = 1 : i64} : (tensor<2x4x!hlil.secret<f32>>) -> tensor<2x4x!hlil.secret<f32>> loc("softmax")
  "func.return"(%2) : (tensor<2x4x!hlil.secret<f32>>) -> ()
}) {arg_attrs = [{hlil.kind = "input", hlil.name = "x", hlil.owner = "client"}], function_type = (tensor<2x4x!hlil.secret<f32>>) -> tensor<2x4x!hlil.secret<f32>>, res_attrs = [{hlil.name = "y0", hlil.owner = ["client"], hlil.post = "none"}], sym_name = "main"} : () -> ()
