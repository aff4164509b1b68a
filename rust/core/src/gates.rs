//! The fused LSTM cell with any number of children: what a Tree-LSTM (Tai, Socher, Manning 2015) computes between its
//! dense products, and the way back.
//!
//! A node has two gates `i`, `o` and a candidate `u`, and a forget gate `f_k` for each child. Each is a function of what
//! the node's word gives, `projected[word] = W x + b`, and of what its children's states give, a product that the
//! caller has computed:
//!
//! ```text
//! i = σ(projected_i + iou_i)      cell   = i · u + Σ_k f_k · cell_k
//! o = σ(projected_o + iou_o)      hidden = o · tanh(cell)
//! u = tanh(projected_u + iou_u)   f_k    = σ(projected_f + forget_k)
//! ```
//!
//! σ and tanh are within 4 units in the last place (`simd/exp.rs`).

use crate::error::Error;
use crate::ids::{Bags, Id, Ids, with_ids};
use crate::lookup::check_shape;
use crate::parallel::{PART_BYTES, even_cuts, for_each_job};
use crate::rows::{Rows, RowsMut};
use crate::simd::blocks::{Change, RowValues, change_rows};
use crate::simd::exp::{Exponential, sigmoid, tanh};
use crate::simd::lstm::{CellGrads, CellInputs, CellOutputs, cell_gradient, cell_state};
use crate::simd::{Kernel, Level, Vector};

/// Nodes whose children come before them, and the cells of all nodes that come before them.
#[derive(Clone, Copy, Debug)]
pub struct Nodes<'a, T> {
    /// The children of each node, as rows of `cells`.
    pub children: &'a Bags,
    /// States of cells.
    pub cells: Rows<'a, T>,
}

impl<T: Exponential> Nodes<'_, T> {
    fn len(&self) -> usize {
        self.children.len()
    }

    fn edges(&self) -> usize {
        self.children.ids().len()
    }

    fn dim(&self) -> usize {
        self.cells.dim()
    }

    /// Nodes to cut at so that parts have about the same work, as ranges, and the traffic of all of them in bytes.
    fn parts(&self, rows_of_node: usize) -> (Vec<std::ops::Range<usize>>, usize) {
        let starts = self.children.starts();
        let rows = |node: usize| rows_of_node * node + 2 * starts[node];
        let row_bytes = (self.dim() * size_of::<T>()).max(1);
        let cuts = even_cuts(self.len(), PART_BYTES / row_bytes, rows);
        let ends = cuts.iter().skip(1).copied().chain([self.len()]);
        let parts = cuts.iter().zip(ends).filter(|&(&first, end)| first < end).map(|(&first, end)| first..end);
        (parts.collect(), rows(self.len()) * row_bytes)
    }

    /// The edges of the nodes of a part.
    fn edges_of(&self, part: &std::ops::Range<usize>) -> std::ops::Range<usize> {
        self.children.starts()[part.start]..self.children.starts()[part.end]
    }

    /// What the cells of the nodes have computed with, row by row.
    fn check(&self, iou: (usize, usize), forget: (usize, usize)) -> Result<(), Error> {
        self.children.ids().expect_rows(self.cells.rows())?;
        check_shape("the number of rows of iou", iou.0, self.len())?;
        check_shape("the dim of iou", iou.1, 3 * self.dim())?;
        check_shape("the number of rows of forget", forget.0, self.edges())?;
        check_shape("the dim of forget", forget.1, self.dim())
    }

    /// The states of nodes: `iou` and `forget`, a row for each edge, come with the products of the children's states and
    /// become the gates. `words` says which row of `projected`, the products i, o, u and f of words, is each node's.
    ///
    /// # Errors
    /// If the shapes do not fit together; nothing is written then.
    pub fn states(
        &self,
        words: &Ids,
        projected: Rows<'_, T>,
        mut iou: RowsMut<'_, T>,
        mut forget: RowsMut<'_, T>,
        mut cell: RowsMut<'_, T>,
        mut hidden: RowsMut<'_, T>,
    ) -> Result<(), Error> {
        self.check((iou.rows(), iou.dim()), (forget.rows(), forget.dim()))?;
        words.expect_rows(projected.rows())?;
        check_shape("the number of words", words.len(), self.len())?;
        check_shape("the dim of projected", projected.dim(), 4 * self.dim())?;
        for (what, table) in [("the number of rows of cell", &cell), ("the number of rows of hidden", &hidden)] {
            check_shape(what, table.rows(), self.len())?;
        }
        check_shape("the dim of cell", cell.dim(), self.dim())?;
        check_shape("the dim of hidden", hidden.dim(), self.dim())?;
        let mut iou = iou.dense().ok_or(Error::NotDense { what: "iou" })?;
        let mut forget = forget.dense().ok_or(Error::NotDense { what: "forget" })?;
        let mut cell = cell.dense().ok_or(Error::NotDense { what: "cell" })?;
        let mut hidden = hidden.dense().ok_or(Error::NotDense { what: "hidden" })?;
        let (level, dim) = (Level::current(), self.dim());
        let (parts, bytes) = self.parts(5);
        let jobs = parts.into_iter().map(|part| {
            let (nodes, edges) = (part.len(), self.edges_of(&part).len());
            let [iou, forget, cell, hidden] = [
                (&mut iou, 3 * nodes * dim),
                (&mut forget, edges * dim),
                (&mut cell, nodes * dim),
                (&mut hidden, nodes * dim),
            ]
            .map(|(rows, count)| rows.split_off_mut(..count).unwrap_or_default());
            (part, iou, forget, cell, hidden)
        });
        with_ids!(self.children.ids(), |children| with_ids!(words, |words| {
            for_each_job(jobs, bytes, |_, (part, iou, forget, cell, hidden)| {
                let nodes = *self;
                level.run(States { nodes, part, children, words, projected, iou, forget, cell, hidden });
            });
        }));
        Ok(())
    }

    /// The gradients of `states`, given the gates and cells that it wrote and the gradients of both states.
    ///
    /// # Errors
    /// If the shapes do not fit together; nothing is written then.
    pub fn gradients(&self, states: &NodeStates<'_, T>, grads: NodeGrads<'_, T>) -> Result<(), Error> {
        let NodeStates { iou, forget, cell, grad_cell, grad_hidden } = *states;
        let NodeGrads { mut projected, forget: mut grad_forget, cells: mut grad_cells } = grads;
        self.check((iou.rows(), iou.dim()), (forget.rows(), forget.dim()))?;
        for (what, table) in [("cell", cell), ("grad_cell", grad_cell), ("grad_hidden", grad_hidden)] {
            check_shape(what, table.rows() * table.dim(), self.len() * self.dim())?;
            check_shape(what, table.dim(), self.dim())?;
        }
        check_shape("the number of rows of grad_projected", projected.rows(), self.len())?;
        check_shape("the dim of grad_projected", projected.dim(), 4 * self.dim())?;
        for (what, table) in [("grad_forget", &grad_forget), ("grad_cells", &grad_cells)] {
            check_shape(what, table.rows(), self.edges())?;
            check_shape(what, table.dim(), self.dim())?;
        }
        let forget = forget.dense().ok_or(Error::NotDense { what: "forget" })?;
        let mut projected = projected.dense().ok_or(Error::NotDense { what: "grad_projected" })?;
        let mut grad_forget = grad_forget.dense().ok_or(Error::NotDense { what: "grad_forget" })?;
        let mut grad_cells = grad_cells.dense().ok_or(Error::NotDense { what: "grad_cells" })?;
        let (level, dim) = (Level::current(), self.dim());
        let (parts, bytes) = self.parts(10);
        let jobs = parts.into_iter().map(|part| {
            let (nodes, edges) = (part.len(), self.edges_of(&part).len());
            let [projected, grad_forget, grad_cells] =
                [(&mut projected, 4 * nodes * dim), (&mut grad_forget, edges * dim), (&mut grad_cells, edges * dim)]
                    .map(|(rows, count)| rows.split_off_mut(..count).unwrap_or_default());
            (part, projected, grad_forget, grad_cells)
        });
        with_ids!(self.children.ids(), |children| {
            for_each_job(jobs, bytes, |_, (part, projected, grad_forget, grad_cells)| {
                let nodes = *self;
                level.run(Gradients { nodes, states, part, children, forget, projected, grad_forget, grad_cells });
            });
        });
        Ok(())
    }
}

/// What is known of nodes on the way back, rows in the order of the nodes.
#[derive(Clone, Copy, Debug)]
pub struct NodeStates<'a, T> {
    /// The gates i, o and the candidate u.
    pub iou: Rows<'a, T>,
    /// The forget gate of each edge.
    pub forget: Rows<'a, T>,
    /// The cells.
    pub cell: Rows<'a, T>,
    /// The gradients of the cells, as far as they come from above.
    pub grad_cell: Rows<'a, T>,
    /// The gradients of the hidden states.
    pub grad_hidden: Rows<'a, T>,
}

/// Where the gradients go.
#[derive(Debug)]
pub struct NodeGrads<'a, T> {
    /// Of `projected`, a row for each node: i, o, u, and f summed over the children.
    pub projected: RowsMut<'a, T>,
    /// Of the products that `forget` came with.
    pub forget: RowsMut<'a, T>,
    /// Of the child's cell, a row for each edge.
    pub cells: RowsMut<'a, T>,
}

struct States<'a, T, I, J> {
    nodes: Nodes<'a, T>,
    part: std::ops::Range<usize>,
    children: &'a [I],
    words: &'a [J],
    projected: Rows<'a, T>,
    iou: &'a mut [T],
    forget: &'a mut [T],
    cell: &'a mut [T],
    hidden: &'a mut [T],
}

impl<T: Exponential, I: Id, J: Id> Kernel for States<'_, T, I, J> {
    type Element = T;
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<T>>(mut self) {
        let dim = self.nodes.dim();
        if dim == 0 {
            return;
        }
        for (at, node) in self.part.enumerate() {
            let projected = self.projected.row(self.words[node].row());
            let [of_i, of_o, of_u, of_f] = [0, 1, 2, 3].map(|gate| &projected[gate * dim..][..dim]);
            let iou = &mut self.iou[3 * at * dim..][..3 * dim];
            for (gate, own) in iou.chunks_exact_mut(dim).zip([of_i, of_o, of_u]).take(2) {
                change_rows::<T, V, 1>([gate], RowValues::of(own, T::ONE), &Sigmoid);
            }
            change_rows::<T, V, 1>([&mut iou[2 * dim..]], RowValues::of(of_u, T::ONE), &Tanh);
            let edges = self.nodes.edges_of(&(node..node + 1));
            let forget = self.forget.split_off_mut(..edges.len() * dim).unwrap_or_default();
            for gate in forget.chunks_exact_mut(dim) {
                change_rows::<T, V, 1>([gate], RowValues::of(of_f, T::ONE), &Sigmoid);
            }
            let inputs = CellInputs { iou, forget, children: &self.children[edges], cells: self.nodes.cells };
            let [cell, hidden] = [&mut *self.cell, &mut *self.hidden].map(|rows| &mut rows[at * dim..][..dim]);
            cell_state::<T, V, I>(cell, hidden, inputs);
        }
    }
}

/// `σ(product + own)`
struct Sigmoid;

impl<T: Exponential> Change<T, 1> for Sigmoid {
    #[inline(always)]
    fn change<V: Vector<T>>(&self, [product]: [V; 1], own: V) -> [V; 1] {
        [sigmoid::<T, V>(product + own)]
    }
}

/// `tanh(product + own)`
struct Tanh;

impl<T: Exponential> Change<T, 1> for Tanh {
    #[inline(always)]
    fn change<V: Vector<T>>(&self, [product]: [V; 1], own: V) -> [V; 1] {
        [tanh::<T, V>(product + own)]
    }
}

struct Gradients<'a, T, I> {
    nodes: Nodes<'a, T>,
    states: &'a NodeStates<'a, T>,
    part: std::ops::Range<usize>,
    children: &'a [I],
    forget: &'a [T],
    projected: &'a mut [T],
    grad_forget: &'a mut [T],
    grad_cells: &'a mut [T],
}

impl<T: Exponential, I: Id> Kernel for Gradients<'_, T, I> {
    type Element = T;
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<T>>(mut self) {
        let dim = self.nodes.dim();
        if dim == 0 {
            return;
        }
        for (at, node) in self.part.enumerate() {
            let edges = self.nodes.edges_of(&(node..node + 1));
            let outputs = CellOutputs {
                grad_iouf: &mut self.projected[4 * at * dim..][..4 * dim],
                grad_forget: self.grad_forget.split_off_mut(..edges.len() * dim).unwrap_or_default(),
                grad_children: self.grad_cells.split_off_mut(..edges.len() * dim).unwrap_or_default(),
            };
            let inputs = CellInputs {
                iou: self.states.iou.row(node),
                forget: &self.forget[edges.start * dim..edges.end * dim],
                children: &self.children[edges],
                cells: self.nodes.cells,
            };
            let grads = CellGrads {
                cell: self.states.cell.row(node),
                grad_cell: self.states.grad_cell.row(node),
                grad_hidden: self.states.grad_hidden.row(node),
            };
            cell_gradient::<T, V, I>(outputs, inputs, grads);
        }
    }
}
