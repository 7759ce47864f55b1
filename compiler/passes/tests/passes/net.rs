//! Networks for tests: a short way to write them, to generate them, and to run them.

use indexmap::IndexMap;
use treville_hlil::{Elem, Hlil, Tensor, Weights, evaluate};
use treville_ir::{Arg, ArgKind, Attr, Attrs, Func, FuncResult, TensorType, ValueId, attrs};
use treville_llil::{Exact, Rounding};
use treville_passes::{Module, Options, decode_results, encode_inputs, encode_weights, run_passes};
use treville_ring::RingTensor;

/// A network that is being written; weights get values as they are added.
pub(crate) struct Net {
    pub(crate) func: Func<Hlil>,
    pub(crate) weights: Weights,
    pub(crate) random: Random,
}

impl Net {
    pub(crate) fn new(seed: u64) -> Self {
        Self { func: Func::new("main"), weights: Weights::new(), random: Random(seed) }
    }

    pub(crate) fn input(&mut self, shape: &[usize]) -> ValueId {
        let name = format!("x{}", self.func.args().len());
        self.func.add_arg(Arg::new(name, TensorType::new(shape, Elem::SECRET_F32), "client", ArgKind::Input))
    }

    pub(crate) fn weight(&mut self, shape: &[usize]) -> ValueId {
        let name = format!("w{}", self.func.args().len());
        let tensor = self.random.tensor(shape);
        self.weights.add_source(&name, tensor).unwrap();
        self.func.add_arg(Arg::new(name, TensorType::new(shape, Elem::SECRET_F32), "server", ArgKind::Weight))
    }

    /// A weight of positive values.
    pub(crate) fn variance(&mut self, shape: &[usize]) -> ValueId {
        let name = format!("w{}", self.func.args().len());
        let tensor = self.random.tensor(shape).mapv(|v| v * v + 0.25);
        self.weights.add_source(&name, tensor).unwrap();
        self.func.add_arg(Arg::new(name, TensorType::new(shape, Elem::SECRET_F32), "server", ArgKind::Weight))
    }

    pub(crate) fn constant(&mut self, shape: &[i64], values: &[f64]) -> ValueId {
        self.op("constant", &[], attrs! { shape: shape, values: values.to_vec() })
    }

    pub(crate) fn op(&mut self, op: &str, operands: &[ValueId], attrs: Attrs) -> ValueId {
        let loc = format!("n{}/{op}", self.func.ops().len());
        self.func.push1(op, operands, attrs, &loc).unwrap()
    }

    pub(crate) fn shape(&self, value: ValueId) -> Vec<usize> {
        self.func.ty(value).shape.clone()
    }

    pub(crate) fn conv(&mut self, x: ValueId, filters: usize, kernel: usize) -> ValueId {
        let channels = self.shape(x)[1];
        let w = self.weight(&[filters, channels, kernel, kernel]);
        let pad = (kernel / 2) as i64;
        self.op("conv", &[x, w], attrs! { strides: [1, 1], pads: [pad, pad, pad, pad], dilations: [1, 1], groups: 1 })
    }

    pub(crate) fn pool(&mut self, op: &str, x: ValueId, kernel: i64) -> ValueId {
        let mut window =
            attrs! { kernel: [kernel, kernel], strides: [kernel, kernel], pads: [0, 0, 1, 1], dilations: [1, 1] };
        if op == "avg_pool" {
            window.insert("count_include_pad".into(), Attr::Bool(false));
        }
        self.op(op, &[x], window)
    }

    pub(crate) fn batch_norm(&mut self, x: ValueId, epsilon: f64) -> ValueId {
        let c = self.shape(x)[1];
        let (scale, offset, mean, variance) =
            (self.weight(&[c]), self.weight(&[c]), self.weight(&[c]), self.variance(&[c]));
        self.op("batch_norm", &[x, scale, offset, mean, variance], attrs! { epsilon: epsilon })
    }

    pub(crate) fn nchw(&mut self, x: ValueId) -> ValueId {
        self.op("transpose", &[x], attrs! { perm: [0, 3, 1, 2] })
    }

    pub(crate) fn nhwc(&mut self, x: ValueId) -> ValueId {
        self.op("transpose", &[x], attrs! { perm: [0, 2, 3, 1] })
    }

    pub(crate) fn finish(mut self, results: &[ValueId]) -> Module {
        let results = results.iter().enumerate().map(|(i, v)| FuncResult::new(*v, format!("y{i}"), "client"));
        self.func.set_results(results.collect());
        self.func.verify().unwrap();
        Module::Hlil(self.func, self.weights)
    }
}

/// A network of 4 to 11 layers in TensorFlow's NHWC manner: layout changes around spatial ops, weights of all broadcastable shapes, shared values.
pub(crate) fn random(seed: u64) -> Module {
    let mut net = Net::new(seed);
    let mut x = net.input(&[1, 5, 6, 2]);
    let mut seen = vec![x];
    for _ in 0..4 + net.random.below(8) {
        let shape = net.shape(x);
        let c = shape[3];
        x = match net.random.below(21) {
            0 | 1 => {
                let filters = 1 + net.random.below(3);
                let y = net.nchw(x);
                let y = net.conv(y, filters, 3);
                net.nhwc(y)
            }
            2 if shape[1] > 1 && shape[2] > 1 => {
                let y = net.nchw(x);
                let y = net.pool("max_pool", y, 2);
                net.nhwc(y)
            }
            3 if shape[1] > 1 && shape[2] > 1 => {
                let y = net.nchw(x);
                let y = net.pool("avg_pool", y, 3);
                net.nhwc(y)
            }
            4 => {
                let y = net.nchw(x);
                let y = net.batch_norm(y, 0.125);
                net.nhwc(y)
            }
            5 => {
                let bias = net.weight(&[c]);
                net.op("add", &[x, bias], attrs! {})
            }
            6 => {
                let factor = net.weight(&[shape[2], 1]);
                net.op("mul", &[factor, x], attrs! {})
            }
            7 | 8 => net.op("relu", &[x], attrs! {}),
            9 => net.op("neg", &[x], attrs! {}),
            10 => {
                let value = [0.0, 1.0, 0.5][net.random.below(3)];
                let constant = net.constant(&[], &[value]);
                let op = ["add", "sub", "mul"][net.random.below(3)];
                net.op(op, &[x, constant], attrs! {})
            }
            11 => {
                let value = [0.0, -0.5][net.random.below(2)];
                net.op("pad", &[x], attrs! { begin: [0, 1, 0, 0], end: [0, 0, 2, 0], value: value })
            }
            12 if shape[1] > 1 => {
                let ends: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
                net.op("slice", &[x], attrs! { starts: [0, 1, 0, 0], ends: ends, steps: [1, 1, 2, 1] })
            }
            13 => {
                let axis = 1 + net.random.below(3) as i64;
                let other = net.weight(&shape);
                net.op("concat", &[x, other], attrs! { axis: axis })
            }
            14 => {
                let flat = net.op("reshape", &[x], attrs! { shape: [shape.iter().product::<usize>() as i64] });
                let ints: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
                net.op("reshape", &[flat], attrs! { shape: ints })
            }
            16 => net.op("clip", &[x], attrs! { min: -0.5, max: 1.5 }),
            17 => {
                let negative = net.op("neg", &[x], attrs! {});
                net.op("max", &[x, negative], attrs! {})
            }
            18 => {
                let indices: Vec<i64> = (0..c as i64).rev().collect();
                net.op("gather", &[x], attrs! { axis: 3, indices: indices })
            }
            19 => net.op("apply", &[x], attrs! { function: "sigmoid", parameter: 0.0 }),
            15 => {
                let perm = [[0i64, 2, 1, 3], [0, 1, 2, 3], [0, 3, 2, 1]][net.random.below(3)];
                net.op("transpose", &[x], attrs! { perm: perm })
            }
            _ => {
                let same = seen.iter().copied().rfind(|v| net.shape(*v) == shape).unwrap_or(x);
                net.op("add", &[x, same], attrs! {})
            }
        };
        seen.push(x);
    }
    let keepdims = net.random.below(2) == 0;
    let mean = net.op("reduce_mean", &[x], attrs! { axes: [1, 2], keepdims: keepdims });
    let also = seen[net.random.below(seen.len())];
    net.finish(&[mean, also])
}

/// A sample for the module's inputs, from -1 to 1.
pub(crate) fn sample(module: &Module, seed: u64) -> IndexMap<String, Tensor> {
    let mut random = Random(seed ^ 0x5eed);
    let inputs: Vec<(String, Vec<usize>)> = match module {
        Module::Hlil(func, _) => func
            .args()
            .filter(|(_, a)| a.kind == ArgKind::Input)
            .map(|(_, a)| (a.name.clone(), a.ty.shape.clone()))
            .collect(),
        Module::Llil(func, _) => func
            .args()
            .filter(|(_, a)| a.kind == ArgKind::Input)
            .map(|(_, a)| (a.name.clone(), a.ty.shape.clone()))
            .collect(),
    };
    inputs.into_iter().map(|(name, shape)| (name, Tensor::F32(random.tensor(&shape)))).collect()
}

/// The module's results on a sample, in float or in fixed point with exact rounding.
pub(crate) fn run(module: &Module, sample: &IndexMap<String, Tensor>) -> Vec<Tensor> {
    match module {
        Module::Hlil(func, weights) => {
            let mut args = sample.clone();
            for (_, arg) in func.args().filter(|(_, arg)| arg.kind == ArgKind::Weight) {
                args.insert(arg.name.clone(), Tensor::F32(weights.get(&arg.name).unwrap()));
            }
            evaluate(func, &args).unwrap()
        }
        Module::Llil(func, _) => decode_results(func, &run_ring(module, sample, &mut Exact)),
    }
}

/// The ring elements that a fixed-point module gives on a sample.
pub(crate) fn run_ring(
    module: &Module,
    sample: &IndexMap<String, Tensor>,
    rounding: &mut dyn Rounding,
) -> Vec<RingTensor> {
    let func = module.llil().unwrap();
    let mut args = encode_weights(func, module.weights()).unwrap();
    args.extend(encode_inputs(func, sample).unwrap());
    treville_llil::evaluate(func, &args, rounding, &mut |_, _| {}).unwrap()
}

/// Runs passes with the default options.
pub(crate) fn passes(names: &str, module: Module) -> Module {
    run_passes(names, module, &Options::default()).unwrap_or_else(|e| panic!("{e}: {:?}", e.diagnostics()))
}

/// Asserts that results agree up to `tolerance`, relative to their size.
pub(crate) fn assert_near(a: &[Tensor], b: &[Tensor], tolerance: f32, context: &str) {
    assert_eq!(a.len(), b.len(), "{context}");
    for (a, b) in a.iter().zip(b) {
        assert_eq!(a.shape(), b.shape(), "{context}");
        match (a, b) {
            (Tensor::F32(a), Tensor::F32(b)) => {
                let size = a.iter().fold(1.0f32, |size, v| size.max(v.abs()));
                let error = a.iter().zip(b).fold(0.0f32, |error, (a, b)| error.max((a - b).abs()));
                assert!(error <= tolerance * size, "{context}: error {error} at size {size}");
            }
            _ => assert_eq!(a, b, "{context}"),
        }
    }
}

/// How often an op stands in the module.
pub(crate) fn count(module: &Module, op: &str) -> usize {
    module.to_string().matches(&format!(".{op}\"(")).count()
}

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// Values from -1 to 1, with the edges 0, 1 and -1 among them more often than by chance.
    pub(crate) fn tensor(&mut self, shape: &[usize]) -> ndarray::ArrayD<f32> {
        ndarray::ArrayD::from_shape_simple_fn(shape, || match self.below(16) {
            0 => 0.0,
            1 => 1.0,
            2 => -1.0,
            _ => (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0,
        })
    }
}
