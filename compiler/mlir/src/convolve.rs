//! Windows: convolutions and pools as loop nests over what is padded before.

use treville_ir::Op;
use treville_llil::Llil;

use crate::lower::{Attributes, Lowering, multiply_add};
use crate::writer::{Access, Value};

/// How a window slides.
struct Window {
    strides: Vec<usize>,
    dilations: Vec<usize>,
    begin: Vec<usize>,
    end: Vec<usize>,
}

impl Window {
    fn of(op: &Op<Llil>) -> Self {
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

impl Lowering<'_> {
    pub(crate) fn conv(&mut self, op: &Op<Llil>, x: &Value, filter: &Value, shape: &[usize]) -> Value {
        let window = Window::of(op);
        let groups = op.int("groups") as usize;
        let lead = [0, 0];
        let x = self.pad(x, &[&lead, &window.begin[..]].concat(), &[&lead, &window.end[..]].concat(), 0);
        let (f, per) = (&filter.shape, filter.shape[0] / groups);
        let filter = self.writer.reshape(filter, &[&[groups, per, f[1]], &f[2..]].concat());
        self.slide(&window, &x, &filter, groups, per, shape, false)
    }

    /// A convolution of x with zeros between and around, with the filter turned round.
    pub(crate) fn conv_transpose(&mut self, op: &Op<Llil>, x: &Value, filter: &Value, shape: &[usize]) -> Value {
        let window = Window::of(op);
        let groups = op.int("groups") as usize;
        let (rank, f) = (x.shape.len() - 2, filter.shape.clone());
        let more = op.sizes("output_padding");
        // With all that the filter reaches around, then cut: pads may be larger than the reach.
        let reach: Vec<usize> = (0..rank).map(|i| window.dilations[i] * (f[i + 2] - 1)).collect();
        let spread: Vec<usize> = (0..rank).map(|i| (x.shape[i + 2] - 1) * window.strides[i] + 1).collect();
        let around = |i: usize| spread[i] + 2 * reach[i] + more[i];
        let zeros = [&x.shape[..2], &(0..rank).map(around).collect::<Vec<_>>()].concat();
        let zeros = self.writer.constant(&zeros, x.bits, &[0]);
        let spread_x =
            self.insert(x, &zeros, &[&[0, 0], &reach[..]].concat(), &[&[1, 1], &window.strides[..]].concat());
        let starts = [&[0, 0], &window.begin[..]].concat();
        let cut = |i: usize| zeros.shape[i + 2] - window.begin[i] - window.end[i];
        let left = [&x.shape[..2], &(0..rank).map(cut).collect::<Vec<_>>()].concat();
        let x = self.slice(&spread_x, &starts, &left, &vec![1; rank + 2]);
        let filter = self.reversed(filter, &(2..rank + 2).collect::<Vec<_>>());
        let filter = self.writer.reshape(&filter, &[&[groups, f[0] / groups, f[1]], &f[2..]].concat());
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
        let x = self.writer.reshape(x, &[&[x.shape[0], groups, x.shape[1] / groups], &x.shape[2..]].concat());
        let channel = format!("d{}", 3 + rank);
        let tap = |i: usize| 4 + rank + i;
        let reads_x = ["d0".into(), "d1".into(), channel.clone()].into_iter();
        let reads_x = reads_x.chain((0..rank).map(|i| window.under(i, 3 + i, tap(i)))).collect();
        let channels = if input_first { [channel, "d2".into()] } else { ["d2".into(), channel] };
        let reads_filter =
            ["d1".to_string()].into_iter().chain(channels).chain((0..rank).map(|i| format!("d{}", tap(i))));
        let reads = [Access { value: &x, map: reads_x }, Access { value: filter, map: reads_filter.collect() }];
        let zeros = self.writer.constant(&[&[shape[0], groups, per_group], &shape[2..]].concat(), x.bits, &[0]);
        let sum = self.writer.nest(&reads, &zeros, 1 + rank, &multiply_add(x.bits));
        self.writer.reshape(&sum, shape)
    }

    pub(crate) fn max_pool(&mut self, op: &Op<Llil>, x: &Value, shape: &[usize]) -> Value {
        let least = if x.bits == 64 { i64::MIN } else { -(1i64 << (x.bits - 1)) };
        let body = [format!("%y = arith.maxsi %o, %a0 : i{}", x.bits)];
        self.pool(op, x, shape, least, &body)
    }

    pub(crate) fn avg_pool(&mut self, op: &Op<Llil>, x: &Value, shape: &[usize]) -> Value {
        let sum = self.pool(op, x, shape, 0, &[format!("%y = arith.addi %o, %a0 : i{}", x.bits)]);
        // The rounded reciprocal of the count at each place, by hand.
        let window = Window::of(op);
        let kernel = op.sizes("kernel");
        let (places, rank) = (&shape[2..], kernel.len());
        let mut reciprocals = Vec::with_capacity(places.iter().product());
        for flat in 0..places.iter().product::<usize>() {
            let (mut rest, mut count) = (flat, 1u64);
            for axis in (0..rank).rev() {
                let place = rest % places[axis];
                rest /= places[axis];
                let inside = (0..kernel[axis]).filter(|tap| {
                    let at = place * window.strides[axis] + tap * window.dilations[axis];
                    at >= window.begin[axis] && at - window.begin[axis] < x.shape[axis + 2]
                });
                count *= if op.flag("count_include_pad") { kernel[axis] } else { inside.count() } as u64;
            }
            let count = u128::from(count.max(1));
            reciprocals.push((((1u128 << op.int("divisor_frac")) + count / 2) / count) as i64);
        }
        let mask = if x.bits == 64 { -1 } else { (1i64 << x.bits) - 1 };
        let half = 1i128 << (x.bits - 1);
        let wrap = |v: &i64| {
            let v = i128::from(v & mask);
            (if v >= half && x.bits < 64 { v - 2 * half } else { v }) as i64
        };
        let reciprocals: Vec<i64> = reciprocals.iter().map(wrap).collect();
        let factors = self.writer.constant(places, x.bits, &reciprocals);
        self.writer.elementwise(&[&sum, &factors], shape, x.bits, &[format!("%y = arith.muli %a0, %a1 : i{}", x.bits)])
    }

    fn pool(&mut self, op: &Op<Llil>, x: &Value, shape: &[usize], around: i64, body: &[String]) -> Value {
        let (window, kernel) = (Window::of(op), op.sizes("kernel"));
        let lead = [0, 0];
        let x = self.pad(x, &[&lead, &window.begin[..]].concat(), &[&lead, &window.end[..]].concat(), around);
        let rank = kernel.len();
        let places = ["d0".into(), "d1".into()].into_iter();
        let places = places.chain((0..rank).map(|i| window.under(i, 2 + i, 2 + rank + i))).collect();
        // Says how far the loops over the window go.
        let extent = self.writer.empty(&kernel, x.bits);
        let taps = (0..rank).map(|i| format!("d{}", 2 + rank + i)).collect();
        let init = self.writer.constant(shape, x.bits, &[around]);
        self.writer.nest(&[Access { value: &x, map: places }, Access { value: &extent, map: taps }], &init, rank, body)
    }
}
