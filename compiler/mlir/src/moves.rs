//! Ops that move elements, and the search for the greatest.

use crate::writer::{Access, Value, Writer, tensor, words};

impl Writer {
    pub(crate) fn transpose(&mut self, x: &Value, perm: &[usize]) -> Value {
        let shape: Vec<usize> = perm.iter().map(|&axis| x.shape[axis]).collect();
        let mut map = vec![String::new(); perm.len()];
        perm.iter().enumerate().for_each(|(i, &axis)| map[axis] = format!("d{i}"));
        let init = self.empty(&shape, &x.elem);
        self.nest(&[Access { value: x, map }], &init, 0, &same(&x.elem))
    }

    pub(crate) fn pad(&mut self, x: &Value, begin: &[usize], end: &[usize], value: &str) -> Value {
        if begin.iter().chain(end).all(|&n| n == 0) {
            return x.clone();
        }
        let shape: Vec<usize> = (0..x.shape.len()).map(|i| begin[i] + x.shape[i] + end[i]).collect();
        let around = self.constant(&shape, &x.elem, &[value]);
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
        self.define(&around.shape, &x.elem, &text)
    }

    pub(crate) fn slice(&mut self, x: &Value, starts: &[usize], shape: &[usize], steps: &[usize]) -> Value {
        let ty = tensor(shape, &x.elem);
        let text = format!("tensor.extract_slice {}{starts:?} {shape:?} {steps:?} : {} to {ty}", x.name, x.ty());
        self.define(shape, &x.elem, &text)
    }

    pub(crate) fn concat(&mut self, xs: &[Value], axis: usize, shape: &[usize]) -> Value {
        let mut all = self.empty(shape, &xs[0].elem);
        let (mut starts, ones) = (vec![0; shape.len()], vec![1; shape.len()]);
        for x in xs {
            all = self.insert(x, &all, &starts, &ones);
            starts[axis] += x.shape[axis];
        }
        all
    }

    pub(crate) fn gather(&mut self, x: &Value, axis: usize, indices: &[usize], shape: &[usize]) -> Value {
        let table = self.constant(&[indices.len()], "i64", indices);
        let init = self.empty(shape, &x.elem);
        let mut body = vec!["%i = arith.index_cast %a0 : i64 to index".to_string()];
        let places: Vec<String> =
            (0..shape.len()).map(|d| if d == axis { "%i".into() } else { format!("%d{d}") }).collect();
        body.extend((0..shape.len()).filter(|d| *d != axis).map(|d| format!("%d{d} = linalg.index {d} : index")));
        body.push(format!("%y = tensor.extract {}[{}] : {}", x.name, places.join(", "), x.ty()));
        self.nest(&[Access { value: &table, map: vec![format!("d{axis}")] }], &init, 0, &body)
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
    pub(crate) fn arg_max(&mut self, x: &Value, axis: usize, shape: &[usize], index: &str) -> Value {
        let (t, n) = (x.elem.clone(), x.shape[axis]);
        let (compare, max) = if t.starts_with('f') { ("cmpf ogt", "maximumf") } else { ("cmpi sgt", "maxsi") };
        let outer: Vec<usize> = (0..x.shape.len()).filter(|&d| d != axis).map(|d| x.shape[d]).collect();
        let part = |this: &mut Self, i: usize| {
            let mut starts = vec![0; x.shape.len()];
            starts[axis] = i;
            let mut one = x.shape.clone();
            one[axis] = 1;
            let line = this.slice(x, &starts, &one, &vec![1; x.shape.len()]);
            this.reshape(&line, &outer)
        };
        let mut best = part(self, 0);
        let ty = index.to_string();
        let mut index = self.constant(&outer, &ty, &[0]);
        for i in 1..n {
            let next = part(self, i);
            let body = [
                format!("%c = arith.{compare}, %a0, %a1 : {t}"),
                format!("%k = arith.constant {i} : {ty}"),
                format!("%y = arith.select %c, %k, %a2 : {ty}"),
            ];
            index = self.elementwise(&[&next, &best, &index], &outer, &ty, &body);
            best = self.elementwise(&[&next, &best], &outer, &t, &[format!("%y = arith.{max} %a0, %a1 : {t}")]);
        }
        self.reshape(&index, shape)
    }
}

/// `%y` = `%a0`.
fn same(elem: &str) -> [String; 2] {
    let words = words(elem);
    [format!("%z = arith.constant {} : {elem}", words.zero), format!("%y = arith.{} %a0, %z : {elem}", words.add)]
}
