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

use std::ops::Range;

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

/// Refuses tables of other shapes than `rows × dim`.
macro_rules! expect_shapes {
    ($($table:ident: $rows:expr, $dim:expr;)*) => {$(
        check_shape(concat!("the number of rows of ", stringify!($table)), $table.rows(), $rows)?;
        check_shape(concat!("the dim of ", stringify!($table)), $table.dim(), $dim)?;
    )*};
}

/// All elements of a table to write, which must be one block.
macro_rules! block {
    ($table:ident) => {
        $table.dense().ok_or(Error::NotDense { what: stringify!($table) })?
    };
}

impl<T: Exponential> Nodes<'_, T> {
    /// The states of nodes: `iou` and `forget`, a row for each edge, come with the products of the children's states and
    /// become the gates. `words` says which row of `projected`, the products i, o, u and f of words, is each node's.
    ///
    /// # Errors
    /// If the shapes do not fit together, or the rows to write are not one block; nothing is written then.
    pub fn states(
        &self,
        words: &Ids,
        projected: Rows<'_, T>,
        mut iou: RowsMut<'_, T>,
        mut forget: RowsMut<'_, T>,
        mut cell: RowsMut<'_, T>,
        mut hidden: RowsMut<'_, T>,
    ) -> Result<(), Error> {
        let (nodes, edges, dim) = self.sizes()?;
        words.expect_rows(projected.rows())?;
        check_shape("the number of words", words.len(), nodes)?;
        check_shape("the dim of projected", projected.dim(), 4 * dim)?;
        expect_shapes! { iou: nodes, 3 * dim; forget: edges, dim; cell: nodes, dim; hidden: nodes, dim; }
        let (mut iou, mut forget, mut cell, mut hidden) = (block!(iou), block!(forget), block!(cell), block!(hidden));
        let (level, cells) = (Level::current(), self.cells);
        let (parts, bytes) = self.parts(5);
        with_ids!(self.children.ids(), |children| with_ids!(words, |words| {
            let jobs = parts.into_iter().map(|part| States {
                words: &words[part.clone()],
                projected,
                children,
                starts: &self.children.starts()[part.start..=part.end],
                cells,
                iou: next_rows(&mut iou, part.len(), 3 * dim),
                forget: forget.split_off_mut(..self.edges(&part) * dim).unwrap_or_default(),
                cell: next_rows(&mut cell, part.len(), dim),
                hidden: next_rows(&mut hidden, part.len(), dim),
            });
            for_each_job(jobs, bytes, |_, states| level.run(states));
        }));
        Ok(())
    }

    /// The gradients of `states`, given the gates and cells that it wrote and the gradients of both states.
    ///
    /// # Errors
    /// If the shapes do not fit together, or the rows to write are not one block; nothing is written then.
    pub fn gradients(&self, states: &NodeStates<'_, T>, grads: NodeGrads<'_, T>) -> Result<(), Error> {
        let NodeStates { iou, forget, cell, grad_cell, grad_hidden } = *states;
        let NodeGrads { projected: mut grad_projected, forget: mut grad_forget, cells: mut grad_cells } = grads;
        let (nodes, edges, dim) = self.sizes()?;
        expect_shapes! {
            iou: nodes, 3 * dim; forget: edges, dim; cell: nodes, dim; grad_cell: nodes, dim; grad_hidden: nodes, dim;
            grad_projected: nodes, 4 * dim; grad_forget: edges, dim; grad_cells: edges, dim;
        }
        let (mut of_projected, mut of_forget, mut of_cells) =
            (block!(grad_projected), block!(grad_forget), block!(grad_cells));
        let (level, cells) = (Level::current(), self.cells);
        let (parts, bytes) = self.parts(10);
        with_ids!(self.children.ids(), |children| {
            let jobs = parts.into_iter().map(|part| {
                let edges = self.edges(&part) * dim;
                Gradients {
                    first: part.start,
                    states,
                    children,
                    starts: &self.children.starts()[part.start..=part.end],
                    cells,
                    projected: next_rows(&mut of_projected, part.len(), 4 * dim),
                    forget: of_forget.split_off_mut(..edges).unwrap_or_default(),
                    of_cells: of_cells.split_off_mut(..edges).unwrap_or_default(),
                }
            });
            for_each_job(jobs, bytes, |_, gradients| level.run(gradients));
        });
        Ok(())
    }

    /// The numbers of nodes, of edges, and of elements of a state.
    fn sizes(&self) -> Result<(usize, usize, usize), Error> {
        self.children.ids().expect_rows(self.cells.rows())?;
        Ok((self.children.len(), self.children.ids().len(), self.cells.dim()))
    }

    /// Nodes in parts of about the same work, where a node moves so many rows and an edge two, and the traffic of all of
    /// them in bytes.
    fn parts(&self, rows_of_node: usize) -> (Vec<Range<usize>>, usize) {
        let (nodes, starts) = (self.children.len(), self.children.starts());
        let rows = |node: usize| rows_of_node * node + 2 * starts[node];
        let row_bytes = (self.cells.dim() * size_of::<T>()).max(1);
        let cuts = even_cuts(nodes, PART_BYTES / row_bytes, rows);
        let ends = cuts.iter().skip(1).copied().chain([nodes]);
        let parts = cuts.iter().zip(ends).filter(|&(&first, end)| first < end).map(|(&first, end)| first..end);
        (parts.collect(), rows(nodes) * row_bytes)
    }

    /// The number of edges of the nodes of a part.
    fn edges(&self, part: &Range<usize>) -> usize {
        self.children.starts()[part.end] - self.children.starts()[part.start]
    }
}

/// Takes the next rows off what is left of a table's elements.
#[expect(clippy::mut_mut, reason = "what is left is changed in place")]
fn next_rows<'a, T>(rest: &mut &'a mut [T], rows: usize, dim: usize) -> RowsMut<'a, T> {
    RowsMut::new(rest.split_off_mut(..rows * dim).unwrap_or_default(), rows, dim)
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

/// A part of the nodes. What is written is theirs alone.
struct States<'a, T, I, J> {
    words: &'a [J],
    projected: Rows<'a, T>,
    children: &'a [I],
    starts: &'a [usize],
    cells: Rows<'a, T>,
    iou: RowsMut<'a, T>,
    forget: &'a mut [T],
    cell: RowsMut<'a, T>,
    hidden: RowsMut<'a, T>,
}

impl<T: Exponential, I: Id, J: Id> Kernel for States<'_, T, I, J> {
    type Element = T;
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<T>>(mut self) {
        let dim = self.cells.dim();
        for (node, (word, edges)) in self.words.iter().zip(self.starts.windows(2)).enumerate() {
            let children = &self.children[edges[0]..edges[1]];
            let projected = self.projected.row(word.row());
            let iou = self.iou.row_mut(node);
            let [of_io, of_u, of_f] = [0..2 * dim, 2 * dim..3 * dim, 3 * dim..4 * dim].map(|gates| &projected[gates]);
            change_rows::<T, V, 1>([&mut iou[..2 * dim]], RowValues::of(of_io, T::ONE), &Sigmoid);
            change_rows::<T, V, 1>([&mut iou[2 * dim..]], RowValues::of(of_u, T::ONE), &Tanh);
            let mut forget = next_rows(&mut self.forget, children.len(), dim);
            for k in 0..children.len() {
                change_rows::<T, V, 1>([forget.row_mut(k)], RowValues::of(of_f, T::ONE), &Sigmoid);
            }
            let inputs = CellInputs { iou, forget: forget.to_read(), children, cells: self.cells };
            cell_state::<T, V, I>(self.cell.row_mut(node), self.hidden.row_mut(node), inputs);
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

/// A part of the nodes, the first of which is `first`. What is written is theirs alone.
struct Gradients<'a, T, I> {
    first: usize,
    states: &'a NodeStates<'a, T>,
    children: &'a [I],
    starts: &'a [usize],
    cells: Rows<'a, T>,
    projected: RowsMut<'a, T>,
    forget: &'a mut [T],
    of_cells: &'a mut [T],
}

impl<T: Exponential, I: Id> Kernel for Gradients<'_, T, I> {
    type Element = T;
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<T>>(mut self) {
        let (states, dim) = (self.states, self.cells.dim());
        for (at, edges) in self.starts.windows(2).enumerate() {
            let (node, edges) = (self.first + at, edges[0]..edges[1]);
            let outputs = CellOutputs {
                grad_iouf: self.projected.row_mut(at),
                grad_forget: next_rows(&mut self.forget, edges.len(), dim),
                grad_children: next_rows(&mut self.of_cells, edges.len(), dim),
            };
            let inputs = CellInputs {
                iou: states.iou.row(node),
                forget: states.forget.part(edges.clone()),
                children: &self.children[edges],
                cells: self.cells,
            };
            let grads = CellGrads {
                cell: states.cell.row(node),
                grad_cell: states.grad_cell.row(node),
                grad_hidden: states.grad_hidden.row(node),
            };
            cell_gradient::<T, V, I>(outputs, inputs, grads);
        }
    }
}
