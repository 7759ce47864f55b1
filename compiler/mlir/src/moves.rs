//! Ops that move elements, and the search for the greatest.

use crate::lower::Lowering;
use crate::writer::{Access, Value, tensor};

impl Lowering<'_> {
    pub(crate) fn transpose(&mut self, x: &Value, perm: &[usize]) -> Value {
        let shape: Vec<usize> = perm.iter().map(|&axis| x.shape[axis]).collect();
        let mut map = vec![String::new(); perm.len()];
        perm.iter().enumerate().for_each(|(i, &axis)| map[axis] = format!("d{i}"));
        let init = self.writer.empty(&shape, x.bits);
        self.writer.nest(&[Access { value: x, map }], &init, 0, &same(x.bits))
    }

    pub(crate) fn pad(&mut self, x: &Value, begin: &[usize], end: &[usize], value: i64) -> Value {
        if begin.iter().chain(end).all(|&n| n == 0) {
            return x.clone();
        }
        let shape: Vec<usize> = (0..x.shape.len()).map(|i| begin[i] + x.shape[i] + end[i]).collect();
        let around = self.writer.constant(&shape, x.bits, &[value]);
        let ones = vec![1; shape.len()];
        self.insert(x, &around, begin, &ones)
    }

    /// `x` within `around`, from these places on in these steps.
    pub(crate) fn insert(&mut self, x: &Value, around: &Value, starts: &[usize], steps: &[usize]) -> Value {
        let text = format!(
            "tensor.insert_slice {} into {}{:?} {:?} {:?} : {} into {}",
            x.name,
            around.name,
            starts,
            x.shape,
            steps,
            x.ty(),
            around.ty()
        );
        self.writer.define(&around.shape, x.bits, &text)
    }

    pub(crate) fn slice(&mut self, x: &Value, starts: &[usize], shape: &[usize], steps: &[usize]) -> Value {
        let ty = tensor(shape, x.bits);
        let text = format!("tensor.extract_slice {}{starts:?} {shape:?} {steps:?} : {} to {ty}", x.name, x.ty());
        self.writer.define(shape, x.bits, &text)
    }

    pub(crate) fn concat(&mut self, xs: &[Value], axis: usize, shape: &[usize]) -> Value {
        let mut all = self.writer.empty(shape, xs[0].bits);
        let (mut starts, ones) = (vec![0; shape.len()], vec![1; shape.len()]);
        for x in xs {
            all = self.insert(x, &all, &starts, &ones);
            starts[axis] += x.shape[axis];
        }
        all
    }

    pub(crate) fn gather(&mut self, x: &Value, axis: usize, indices: &[usize], shape: &[usize]) -> Value {
        let table = self.writer.constant(&[indices.len()], 64, &indices.iter().map(|&i| i as i64).collect::<Vec<_>>());
        let init = self.writer.empty(shape, x.bits);
        let mut body = vec!["%i = arith.index_cast %a0 : i64 to index".to_string()];
        let places: Vec<String> =
            (0..shape.len()).map(|d| if d == axis { "%i".into() } else { format!("%d{d}") }).collect();
        body.extend((0..shape.len()).filter(|d| *d != axis).map(|d| format!("%d{d} = linalg.index {d} : index")));
        body.push(format!("%y = tensor.extract {}[{}] : {}", x.name, places.join(", "), x.ty()));
        self.writer.nest(&[Access { value: &table, map: vec![format!("d{axis}")] }], &init, 0, &body)
    }

    /// The elements in reverse along axes.
    pub(crate) fn reversed(&mut self, x: &Value, axes: &[usize]) -> Value {
        let reverse = |x: Value, &axis: &usize| {
            let n = x.shape[axis];
            let indices: Vec<usize> = (0..n).rev().collect();
            let shape = x.shape.clone();
            self.gather(&x, axis, &indices, &shape)
        };
        axes.iter().fold(x.clone(), reverse)
    }

    /// The place of the first greatest element: one after the other is compared with the best so far.
    pub(crate) fn arg_max(&mut self, x: &Value, axis: usize, shape: &[usize]) -> Value {
        let (bits, n) = (x.bits, x.shape[axis]);
        let t = format!("i{bits}");
        let outer: Vec<usize> = (0..x.shape.len()).filter(|&d| d != axis).map(|d| x.shape[d]).collect();
        let part = |this: &mut Self, i: usize| {
            let mut starts = vec![0; x.shape.len()];
            starts[axis] = i;
            let mut one = x.shape.clone();
            one[axis] = 1;
            let line = this.slice(x, &starts, &one, &vec![1; x.shape.len()]);
            this.writer.reshape(&line, &outer)
        };
        let mut best = part(self, 0);
        let mut index = self.writer.constant(&outer, bits, &[0]);
        for i in 1..n {
            let next = part(self, i);
            let body = [
                format!("%c = arith.cmpi sgt, %a0, %a1 : {t}"),
                format!("%k = arith.constant {i} : {t}"),
                format!("%y = arith.select %c, %k, %a2 : {t}"),
            ];
            index = self.writer.elementwise(&[&next, &best, &index], &outer, bits, &body);
            best =
                self.writer.elementwise(&[&next, &best], &outer, bits, &[format!("%y = arith.maxsi %a0, %a1 : {t}")]);
        }
        self.writer.reshape(&index, shape)
    }
}

/// `%y` = `%a0`.
fn same(bits: u8) -> [String; 2] {
    [format!("%z = arith.constant 0 : i{bits}"), format!("%y = arith.addi %a0, %z : i{bits}")]
}
