// The softmax over the channels ends the program, but for a reshape.
"func.func"() ({
^bb0(%x: tensor<1x10x1x1x!hlil.secret<f32>>):
  %0 = "hlil.softmax"(%x) {axis = 1 : i64} : (tensor<1x10x1x1x!hlil.secret<f32>>) -> tensor<1x10x1x1x!hlil.secret<f32>> loc("softmax")
  %1 = "hlil.reshape"(%0) {shape = [1, 10]} : (tensor<1x10x1x1x!hlil.secret<f32>>) -> tensor<1x10x!hlil.secret<f32>> loc("flatten")
  "func.return"(%1) : (tensor<1x10x!hlil.secret<f32>>) -> ()
}) {arg_attrs = [{hlil.kind = "input", hlil.name = "x", hlil.owner = "client"}], function_type = (tensor<1x10x1x1x!hlil.secret<f32>>) -> tensor<1x10x!hlil.secret<f32>>, res_attrs = [{hlil.name = "y0", hlil.owner = ["client"], hlil.post = "none"}], sym_name = "main"} : () -> ()
