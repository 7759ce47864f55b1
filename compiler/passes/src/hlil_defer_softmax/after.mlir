"func.func"() ({
^bb0(%x: tensor<1x10x1x1x!hlil.secret<f32>>):
  %0 = "hlil.reshape"(%x) {shape = [1, 10]} : (tensor<1x10x1x1x!hlil.secret<f32>>) -> tensor<1x10x!hlil.secret<f32>> loc("flatten")
  "func.return"(%0) : (tensor<1x10x!hlil.secret<f32>>) -> ()
}) {arg_attrs = [{hlil.kind = "input", hlil.name = "x", hlil.owner = "client"}], function_type = (tensor<1x10x1x1x!hlil.secret<f32>>) -> tensor<1x10x!hlil.secret<f32>>, res_attrs = [{hlil.name = "y0", hlil.owner = ["client"], hlil.post = "softmax"}], sym_name = "main"} : () -> ()
