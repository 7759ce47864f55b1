//! Windows: convolutions and pools as loop nests over what is padded before.

use treville_ir::{Attr, Dialect, Op};

use crate::writer::{Access, Value, Writer, words};

/// How a window slides.
struct Window {
    strides: Vec<usize>,
    dilations: Vec<usize>,
    begin: Vec<usize>,
    end: Vec<usize>,
}

impl Window {
    fn of(op: &Op<impl Dialect>) -> Self {
        let pads = op.sizes("pads");
        let (begin, end) = pads.split_at(pads.len() / 2);
        Self {
            strides: op.sizes("strides"),
            dilations: op.sizes("dilations"),
            begin: begin.to_vec(),
            end: end.to_vec(),
        }
    }

    /// What lies under tap `tap` of the window at `place`, along an axis.
    fn under(&self, axis: usize, place: usize, tap: usize) -> String {
        format!("d{place} * {} + d{tap} * {}", self.strides[axis], self.dilations[axis])
    }
}

impl Writer {
    pub(crate) fn conv(&mut self, op: &Op<impl Dialect>, x: &Value, filter: &Value, shape: &[usize]) -> Value {
        let window = Window::of(op);
        let groups = op.int("groups") as usize;
        let lead = [0, 0];
        let x =
            self.pad(x, &[&lead, &window.begin[..]].concat(), &[&lead, &window.end[..]].concat(), words(&x.elem).zero);
        let (f, per) = (&filter.shape, filter.shape[0] / groups);
        let filter = self.reshape(filter, &[&[groups, per, f[1]], &f[2..]].concat());
        self.slide(&window, &x, &filter, groups, per, shape, false)
    }

    /// A convolution of x with zeros between and around, with the filter turned round.
    pub(crate) fn conv_transpose(
        &mut self,
        op: &Op<impl Dialect>,
        x: &Value,
        filter: &Value,
        shape: &[usize],
    ) -> Value {
        let window = Window::of(op);
        let groups = op.int("groups") as usize;
        let (rank, f) = (x.shape.len() - 2, filter.shape.clone());
        let more = op.sizes("output_padding");
        // With all that the filter reaches around, then cut: pads may be larger than the reach.
        let reach: Vec<usize> = (0..rank).map(|i| window.dilations[i] * (f[i + 2] - 1)).collect();
        let spread: Vec<usize> = (0..rank).map(|i| (x.shape[i + 2] - 1) * window.strides[i] + 1).collect();
        let around = |i: usize| spread[i] + 2 * reach[i] + more[i];
        let zeros = [&x.shape[..2], &(0..rank).map(around).collect::<Vec<_>>()].concat();
        let zeros = self.constant(&zeros, &x.elem, &[words(&x.elem).zero]);
        let spread_x =
            self.insert(x, &zeros, &[&[0, 0], &reach[..]].concat(), &[&[1, 1], &window.strides[..]].concat());
        let starts = [&[0, 0], &window.begin[..]].concat();
        let cut = |i: usize| zeros.shape[i + 2] - window.begin[i] - window.end[i];
        let left = [&x.shape[..2], &(0..rank).map(cut).collect::<Vec<_>>()].concat();
        let x = self.slice(&spread_x, &starts, &left, &vec![1; rank + 2]);
        let filter = self.reversed(filter, &(2..rank + 2).collect::<Vec<_>>());
        let filter = self.reshape(&filter, &[&[groups, f[0] / groups, f[1]], &f[2..]].concat());
        let dense = Window { strides: vec![1; rank], ..window };
        self.slide(&dense, &x, &filter, groups, f[1], shape, true)
    }

    /// Loops: n, group, output channel, places; then input channel, taps. The filter has its group first, then output and input
    /// channels, the other way round where `input_first`.
    #[allow(clippy::too_many_arguments, reason = "all of it is the geometry of one loop nest")]
    fn slide(
        &mut self,
        window: &Window,
        x: &Value,
        filter: &Value,
        groups: usize,
        per_group: usize,
        shape: &[usize],
        input_first: bool,
    ) -> Value {
        let rank = shape.len() - 2;
        let x = self.reshape(x, &[&[x.shape[0], groups, x.shape[1] / groups], &x.shape[2..]].concat());
        let channel = format!("d{}", 3 + rank);
        let tap = |i: usize| 4 + rank + i;
        let reads_x = ["d0".into(), "d1".into(), channel.clone()].into_iter();
        let reads_x = reads_x.chain((0..rank).map(|i| window.under(i, 3 + i, tap(i)))).collect();
        let channels = if input_first { [channel, "d2".into()] } else { ["d2".into(), channel] };
        let reads_filter =
            ["d1".to_string()].into_iter().chain(channels).chain((0..rank).map(|i| format!("d{}", tap(i))));
        let reads = [Access { value: &x, map: reads_x }, Access { value: filter, map: reads_filter.collect() }];
        let zeros =
            self.constant(&[&[shape[0], groups, per_group], &shape[2..]].concat(), &x.elem, &[words(&x.elem).zero]);
        let sum = self.nest(&reads, &zeros, 1 + rank, &multiply_add(&x.elem));
        self.reshape(&sum, shape)
    }

    /// The greatest element under each window; `least` is what lies around.
    pub(crate) fn max_pool(&mut self, op: &Op<impl Dialect>, x: &Value, shape: &[usize], least: &str) -> Value {
        let body = [format!("%y = arith.{} %o, %a0 : {}", words(&x.elem).max, x.elem)];
        self.pool(op, x, shape, least, &body)
    }

    /// The sum under each window.
    pub(crate) fn sum_pool(&mut self, op: &Op<impl Dialect>, x: &Value, shape: &[usize]) -> Value {
        let words = words(&x.elem);
        self.pool(op, x, shape, words.zero, &[format!("%y = arith.{} %o, %a0 : {}", words.add, x.elem)])
    }

    fn pool(&mut self, op: &Op<impl Dialect>, x: &Value, shape: &[usize], around: &str, body: &[String]) -> Value {
        let (window, kernel) = (Window::of(op), op.sizes("kernel"));
        let lead = [0, 0];
        let x = self.pad(x, &[&lead, &window.begin[..]].concat(), &[&lead, &window.end[..]].concat(), around);
        let rank = kernel.len();
        let places = ["d0".into(), "d1".into()].into_iter();
        let places = places.chain((0..rank).map(|i| window.under(i, 2 + i, 2 + rank + i))).collect();
        // Says how far the loops over the window go.
        let extent = self.empty(&kernel, &x.elem);
        let taps = (0..rank).map(|i| format!("d{}", 2 + rank + i)).collect();
        let init = self.constant(shape, &x.elem, &[around]);
        self.nest(&[Access { value: &x, map: places }, Access { value: &extent, map: taps }], &init, rank, body)
    }
}

/// How many places of its window each position of a pool averages over, by position: counted by hand.
pub(crate) fn counts(op: &Op<impl Dialect>, x: &[usize], shape: &[usize]) -> Vec<u64> {
    let (window, kernel, places) = (Window::of(op), op.sizes("kernel"), &shape[2..]);
    let count = |flat: usize| {
        let (mut rest, mut count) = (flat, 1u64);
        for axis in (0..kernel.len()).rev() {
            let place = rest % places[axis];
            rest /= places[axis];
            let inside = (0..kernel[axis]).filter(|tap| {
                let at = place * window.strides[axis] + tap * window.dilations[axis];
                at >= window.begin[axis] && at - window.begin[axis] < x[axis + 2]
            });
            count *= if op.flag("count_include_pad") { kernel[axis] } else { inside.count() } as u64;
        }
        count.max(1)
    };
    (0..places.iter().product()).map(count).collect()
}

/// `%y` = `%o` + `%a0` * `%a1`.
pub(crate) fn multiply_add(elem: &str) -> [String; 2] {
    let words = words(elem);
    [format!("%p = arith.{} %a0, %a1 : {elem}", words.mul), format!("%y = arith.{} %o, %p : {elem}", words.add)]
}

/// Attributes of an op.
pub(crate) trait Attributes {
    fn int(&self, name: &str) -> i64;
    fn sizes(&self, name: &str) -> Vec<usize>;
    fn flag(&self, name: &str) -> bool;
}

impl<D: Dialect> Attributes for Op<D> {
    fn int(&self, name: &str) -> i64 {
        self.attrs.get(name).and_then(Attr::as_int).unwrap_or(0)
    }

    fn sizes(&self, name: &str) -> Vec<usize> {
        self.attrs.get(name).and_then(Attr::as_ints).unwrap_or_default().iter().map(|&n| n as usize).collect()
    }

    fn flag(&self, name: &str) -> bool {
        self.attrs.get(name).and_then(Attr::as_bool).unwrap_or(false)
    }
}
