//! The fused LSTM cell against plain loops in double precision.

use std::marker::PhantomData;
use std::ops::{Add, Mul, Sub};

use proptest::prelude::*;

use super::inputs::Random;
use super::{DIMS, Rounding, at_every_setting};
use crate::gates::{NodeGrads, NodeStates, Nodes};
use crate::ids::{Bags, Ids};
use crate::rows::{Rows, RowsMut};
use crate::simd::exp::{Exponential, MOST_ULPS};

const WORDS: usize = 7;
const CELLS: usize = 11;

/// Nodes, and what is known of them on either way.
#[derive(Clone)]
struct Case<T> {
    dim: usize,
    children: Vec<i64>,
    offsets: Vec<i64>,
    words: Vec<i64>,
    projected: Vec<T>,
    cells: Vec<T>,
    of_iou: Vec<T>,
    of_forget: Vec<T>,
    grad_cell: Vec<T>,
    grad_hidden: Vec<T>,
}

/// What `states` writes.
#[derive(Clone, Debug, PartialEq)]
struct States<T> {
    iou: Vec<T>,
    forget: Vec<T>,
    cell: Vec<T>,
    hidden: Vec<T>,
}

/// What `gradients` writes.
#[derive(Clone, Debug, PartialEq)]
struct Grads<T> {
    projected: Vec<T>,
    forget: Vec<T>,
    cells: Vec<T>,
}

impl<T: Exponential> Case<T> {
    /// Nodes with so many children, and gates from almost shut to almost open.
    fn new(random: &mut Random, dim: usize, counts: &[usize]) -> Self {
        let (nodes, edges) = (counts.len(), counts.iter().sum::<usize>());
        let mut products = |rows: usize| {
            let values = random.values::<T>(rows * dim).into_iter();
            values.map(|value| value * T::from_f64(6.0)).collect::<Vec<_>>()
        };
        let (of_iou, of_forget, projected) = (products(3 * nodes), products(edges), products(4 * WORDS));
        let mut offsets = vec![0];
        offsets.extend(counts.iter().scan(0, |end, &count| {
            *end += count as i64;
            Some(*end)
        }));
        Self {
            dim,
            children: random.ids(edges, CELLS),
            offsets,
            words: random.ids(nodes, WORDS),
            projected,
            cells: random.values(CELLS * dim),
            of_iou,
            of_forget,
            grad_cell: random.values(nodes * dim),
            grad_hidden: random.values(nodes * dim),
        }
    }

    fn nodes(&self) -> usize {
        self.words.len()
    }

    fn edges(&self) -> usize {
        self.children.len()
    }

    fn bags(&self) -> Bags {
        Bags::check(Ids::check(&self.children, CELLS).unwrap(), &self.offsets, true).unwrap()
    }

    fn states(&self) -> States<T> {
        let (nodes, edges, dim) = (self.nodes(), self.edges(), self.dim);
        let (mut iou, mut forget) = (self.of_iou.clone(), self.of_forget.clone());
        let (mut cell, mut hidden) = (vec![T::ONE; nodes * dim], vec![T::ONE; nodes * dim]);
        Nodes { children: &self.bags(), cells: Rows::new(&self.cells, CELLS, dim) }
            .states(
                &Ids::check(&self.words, WORDS).unwrap(),
                Rows::new(&self.projected, WORDS, 4 * dim),
                RowsMut::new(&mut iou, nodes, 3 * dim),
                RowsMut::new(&mut forget, edges, dim),
                RowsMut::new(&mut cell, nodes, dim),
                RowsMut::new(&mut hidden, nodes, dim),
            )
            .unwrap();
        States { iou, forget, cell, hidden }
    }

    /// Given rows to read that lie `gap` elements apart.
    fn gradients(&self, states: &States<T>, gap: usize) -> Grads<T> {
        let (nodes, edges, dim) = (self.nodes(), self.edges(), self.dim);
        let [mut projected, mut forget, mut cells] = [4 * nodes, edges, edges].map(|rows| vec![T::ONE; rows * dim]);
        let read = [
            Spread::new(&states.iou, nodes, 3 * dim, gap),
            Spread::new(&states.forget, edges, dim, gap),
            Spread::new(&states.cell, nodes, dim, gap),
            Spread::new(&self.grad_cell, nodes, dim, gap),
            Spread::new(&self.grad_hidden, nodes, dim, gap),
            Spread::new(&self.cells, CELLS, dim, gap),
        ];
        let [iou, gates, cell, grad_cell, grad_hidden, cells_before] = read.each_ref().map(Spread::rows);
        Nodes { children: &self.bags(), cells: cells_before }
            .gradients(
                &NodeStates { iou, forget: gates, cell, grad_cell, grad_hidden },
                NodeGrads {
                    projected: RowsMut::new(&mut projected, nodes, 4 * dim),
                    forget: RowsMut::new(&mut forget, edges, dim),
                    cells: RowsMut::new(&mut cells, edges, dim),
                },
            )
            .unwrap();
        Grads { projected, forget, cells }
    }

    /// Each node with each column, and where its edges are.
    fn each(&self, mut visit: impl FnMut(usize, usize, std::ops::Range<usize>)) {
        for (node, edges) in self.offsets.windows(2).enumerate() {
            (0..self.dim).for_each(|column| visit(node, column, edges[0] as usize..edges[1] as usize));
        }
    }
}

/// Rows with gaps between them.
struct Spread<T> {
    memory: Vec<T>,
    rows: usize,
    dim: usize,
    gap: usize,
}

impl<T: Exponential> Spread<T> {
    fn new(values: &[T], rows: usize, dim: usize, gap: usize) -> Self {
        let gaps = vec![T::NEG_INFINITY; gap];
        let row = |row: usize| [&values[row * dim..][..dim], &gaps].concat();
        Self { memory: (0..rows).flat_map(row).collect(), rows, dim, gap }
    }

    fn rows(&self) -> Rows<'_, T> {
        // SAFETY: so many rows were laid out so far apart.
        unsafe { Rows::from_raw(self.memory.as_ptr(), self.rows, self.dim, (self.dim + self.gap) as isize) }
    }
}

// --- plain loops, and how far a kernel may be off them ---------------------------------------------------------------

/// A number in double precision, and how far the same one may be off it where each operation rounds to a `T`.
#[derive(Clone, Copy)]
struct Near<T>(f64, f64, PhantomData<T>);

impl<T: Exponential + Rounding> Near<T> {
    /// The relative errors of one operation here and there.
    const UNIT: f64 = T::UNIT + f64::UNIT;
    const ONE: Self = Self(1.0, 0.0, PhantomData);

    fn exactly(value: T) -> Self {
        Self(value.to_f64(), 0.0, PhantomData)
    }

    /// The result of an operation that rounds, of operands that may have been off.
    fn rounded(value: f64, off: f64) -> Self {
        Self(value, off + Self::UNIT * (value.abs() + off), PhantomData)
    }

    /// The result of a function of that slope at most. A unit in the last place is at most two relative errors.
    fn of(self, value: f64, slope: f64) -> Self {
        Self(value, slope * self.1 + 2.0 * MOST_ULPS * Self::UNIT * value.abs(), PhantomData)
    }

    fn sigmoid(self) -> Self {
        self.of(1.0 / (1.0 + (-self.0).exp()), 0.25)
    }

    fn tanh(self) -> Self {
        self.of(self.0.tanh(), 1.0)
    }

    fn expect(self, found: T, what: &str) {
        let (found, Self(wanted, bound, _)) = (found.to_f64(), self);
        assert!((found - wanted).abs() <= bound, "{what}: {found} for {wanted}, bound {bound}");
    }
}

impl<T: Exponential + Rounding> Add for Near<T> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self::rounded(self.0 + other.0, self.1 + other.1)
    }
}

impl<T: Exponential + Rounding> Sub for Near<T> {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self::rounded(self.0 - other.0, self.1 + other.1)
    }
}

impl<T: Exponential + Rounding> Mul for Near<T> {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let off = self.0.abs() * other.1 + self.1 * other.0.abs() + self.1 * other.1;
        Self::rounded(self.0 * other.0, off)
    }
}

/// The cell as the paper writes it.
fn expect_states<T: Exponential + Rounding>(case: &Case<T>, found: &States<T>) {
    let dim = case.dim;
    case.each(|node, column, edges| {
        let own = |gate: usize| Near::exactly(case.projected[(case.words[node] as usize * 4 + gate) * dim + column]);
        let at = |gate: usize| (node * 3 + gate) * dim + column;
        let argument = |gate: usize| own(gate) + Near::exactly(case.of_iou[at(gate)]);
        let (i, o, u) = (argument(0).sigmoid(), argument(1).sigmoid(), argument(2).tanh());
        let mut cell = i * u;
        for edge in edges {
            let forget = (own(3) + Near::exactly(case.of_forget[edge * dim + column])).sigmoid();
            forget.expect(found.forget[edge * dim + column], "f");
            cell = cell + forget * Near::exactly(case.cells[case.children[edge] as usize * dim + column]);
        }
        for (gate, (name, wanted)) in [("i", i), ("o", o), ("u", u)].into_iter().enumerate() {
            wanted.expect(found.iou[at(gate)], name);
        }
        cell.expect(found.cell[node * dim + column], "cell");
        (o * cell.tanh()).expect(found.hidden[node * dim + column], "hidden");
    });
}

/// The derivatives of the cell, given its states.
fn expect_gradients<T: Exponential + Rounding>(case: &Case<T>, states: &States<T>, found: &Grads<T>) {
    let (dim, one) = (case.dim, Near::<T>::ONE);
    case.each(|node, column, edges| {
        let of_node = |values: &[T]| Near::exactly(values[node * dim + column]);
        let [i, o, u] = [0, 1, 2].map(|gate| Near::exactly(states.iou[(node * 3 + gate) * dim + column]));
        let (squashed, grad_hidden) = (of_node(&states.cell).tanh(), of_node(&case.grad_hidden));
        let grad_cell = of_node(&case.grad_cell) + grad_hidden * o * (one - squashed * squashed);
        let mut of_all = Near::exactly(T::ZERO);
        for edge in edges {
            let forget = Near::exactly(states.forget[edge * dim + column]);
            let child = Near::exactly(case.cells[case.children[edge] as usize * dim + column]);
            let grad = grad_cell * child * forget * (one - forget);
            grad.expect(found.forget[edge * dim + column], "gradient of f");
            (grad_cell * forget).expect(found.cells[edge * dim + column], "gradient of a child's cell");
            of_all = of_all + grad;
        }
        for (gate, (name, wanted)) in [
            ("gradient of i", grad_cell * u * i * (one - i)),
            ("gradient of o", grad_hidden * squashed * o * (one - o)),
            ("gradient of u", grad_cell * i * (one - u * u)),
            ("gradient of f", of_all),
        ]
        .into_iter()
        .enumerate()
        {
            wanted.expect(found.projected[(node * 4 + gate) * dim + column], name);
        }
    });
}

fn battery<T: Exponential + Rounding + std::fmt::Debug>(case: &Case<T>) {
    let (states, grads) = at_every_setting(|| {
        let states = case.states();
        let grads = case.gradients(&states, 0);
        (states, grads)
    });
    assert!(grads == case.gradients(&states, 3), "gradients of rows with gaps between them");
    expect_states(case, &states);
    expect_gradients(case, &states, &grads);
}

fn nodes_of_every_kind<T: Exponential + Rounding + std::fmt::Debug>() {
    let mut random = Random::new(11);
    for dim in DIMS {
        for counts in [&[][..], &[0], &[0; 30], &[2, 0, 1, 40, 0, 2], &[2; 20]] {
            battery(&Case::<T>::new(&mut random, dim, counts));
        }
    }
}

#[test]
fn f32_nodes() {
    nodes_of_every_kind::<f32>();
}

#[test]
fn f64_nodes() {
    nodes_of_every_kind::<f64>();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nodes_of_any_kind(dim in 0_usize..70, counts in prop::collection::vec(0_usize..6, 0..20), seed in any::<u64>()) {
        battery(&Case::<f32>::new(&mut Random::new(seed), dim, &counts));
    }
}

/// The slope of a loss, on either side of each number that it is a function of, is what the gradient says.
#[test]
fn gradients_are_slopes_of_the_states() {
    let case = Case::<f64>::new(&mut Random::new(4), 3, &[2, 0, 1, 40]);
    let (dim, found) = (case.dim, case.gradients(&case.states(), 0));
    let loss = |case: &Case<f64>| {
        let states = case.states();
        let pairs = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        pairs(&case.grad_cell, &states.cell) + pairs(&case.grad_hidden, &states.hidden)
    };
    let slopes = |part: fn(&mut Case<f64>) -> &mut Vec<f64>| {
        let mut case = case.clone();
        (0..part(&mut case).len())
            .map(|at| {
                let (step, value) = (1e-4, part(&mut case)[at]);
                let mut with = |shift: f64| {
                    part(&mut case)[at] = value + shift;
                    loss(&case)
                };
                // Of fifth order: what it leaves out is below 1e-16 times a derivative, what is rounded about 1e-11.
                let (near, far) = (with(step) - with(-step), with(2.0 * step) - with(-2.0 * step));
                part(&mut case)[at] = value;
                (8.0 * near - far) / (12.0 * step)
            })
            .collect::<Vec<_>>()
    };
    let close = |found: &[f64], slopes: &[f64]| {
        assert_eq!(found.len(), slopes.len());
        for (found, slope) in found.iter().zip(slopes) {
            assert!((found - slope).abs() <= 1e-10, "{found} for a slope of {slope}");
        }
    };
    let of_iou: Vec<_> = found.projected.chunks_exact(4 * dim).flat_map(|row| row[..3 * dim].to_vec()).collect();
    close(&of_iou, &slopes(|case| &mut case.of_iou));
    close(&found.forget, &slopes(|case| &mut case.of_forget));
    let summed = |rows: usize, wide: usize, of: &[i64], grads: &[f64]| {
        let mut sums = vec![0.0; rows * wide];
        for (&row, grad) in of.iter().zip(grads.chunks_exact(wide)) {
            sums[row as usize * wide..].iter_mut().zip(grad).for_each(|(sum, grad)| *sum += grad);
        }
        sums
    };
    close(&summed(WORDS, 4 * dim, &case.words, &found.projected), &slopes(|case| &mut case.projected));
    close(&summed(CELLS, dim, &case.children, &found.cells), &slopes(|case| &mut case.cells));
}
