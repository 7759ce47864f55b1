//! Ops that reduce axes, and the matrix product.

use crate::convolve::multiply_add;
use crate::writer::{Access, Value, Writer, words};

impl Writer {
    /// The sum along axes, in a shape that may have them with extent 1.
    pub(crate) fn reduce_sum(&mut self, x: &Value, axes: &[usize], shape: &[usize]) -> Value {
        let words = words(&x.elem);
        self.reduce(x, axes, shape, words.add, words.zero)
    }

    /// Combines the elements along axes, starting with `first`.
    pub(crate) fn reduce(
        &mut self,
        x: &Value,
        axes: &[usize],
        shape: &[usize],
        instruction: &str,
        first: &str,
    ) -> Value {
        let kept: Vec<usize> = (0..x.shape.len()).filter(|axis| !axes.contains(axis)).collect();
        let mut map = vec![String::new(); x.shape.len()];
        kept.iter().chain(axes).enumerate().for_each(|(i, &axis)| map[axis] = format!("d{i}"));
        let reduced: Vec<usize> = kept.iter().map(|&axis| x.shape[axis]).collect();
        let init = self.constant(&reduced, &x.elem, &[first]);
        let body = [format!("%y = arith.{instruction} %o, %a0 : {}", x.elem)];
        let all = self.nest(&[Access { value: x, map }], &init, axes.len(), &body);
        self.reshape(&all, shape)
    }

    pub(crate) fn matmul(&mut self, a: &Value, b: &Value, shape: &[usize]) -> Value {
        let rank = shape.len();
        let batch = |value: &Value| -> Vec<String> {
            let n_batch = value.shape.len() - 2;
            let lead = rank - 2 - n_batch;
            let index = |i: usize| {
                if value.shape[i] == 1 && shape[i + lead] != 1 { "0".into() } else { format!("d{}", i + lead) }
            };
            (0..n_batch).map(index).collect()
        };
        let (row, column, depth) = (format!("d{}", rank - 2), format!("d{}", rank - 1), format!("d{rank}"));
        let left = [batch(a), vec![row, depth.clone()]].concat();
        let right = [batch(b), vec![depth, column]].concat();
        let zeros = self.constant(shape, &a.elem, &[words(&a.elem).zero]);
        let reads = [Access { value: a, map: left }, Access { value: b, map: right }];
        self.nest(&reads, &zeros, 1, &multiply_add(&a.elem))
    }
}
