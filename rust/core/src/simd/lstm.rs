//! The state of an LSTM cell with any number of children, and its gradient, a register of columns at a time.
//!
//! Nothing that is read is written, so the last register, which ends with the row and overlaps the one before it,
//! computes some columns twice, to the same bits.

use super::exp::{Exponential, tanh};
use super::vector::{Lanes, Vector};
use crate::ids::Id;
use crate::rows::{Rows, RowsMut};

/// What the state of one node follows from.
#[derive(Clone, Copy)]
pub(crate) struct CellInputs<'a, T, I> {
    /// The gates i, o and the candidate u, side by side.
    pub(crate) iou: &'a [T],
    /// The forget gate of each child, a row for each.
    pub(crate) forget: Rows<'a, T>,
    /// The children, as rows of `cells`.
    pub(crate) children: &'a [I],
    /// States of cells, those of the children among them.
    pub(crate) cells: Rows<'a, T>,
}

impl<T, I> CellInputs<'_, T, I> {
    #[inline(always)]
    fn expect_dim(&self, dim: usize) {
        assert!(self.iou.len() == 3 * dim, "two gates and a candidate");
        assert!(self.forget.dim() == dim && self.cells.dim() == dim, "rows of one dim");
    }
}

/// `cell = i · u + Σ_k forget_k · cell_k` and `hidden = o · tanh(cell)`
#[inline(always)]
pub(crate) fn cell_state<T: Exponential, V: Vector<T>, I: Id>(
    cell: &mut [T],
    hidden: &mut [T],
    inputs: CellInputs<'_, T, I>,
) {
    if cell.len() < V::LANES {
        state_columns::<T, Lanes<T, 1>, I>(cell, hidden, inputs);
    } else {
        state_columns::<T, V, I>(cell, hidden, inputs);
    }
}

#[inline(always)]
fn state_columns<T: Exponential, V: Vector<T>, I: Id>(cell: &mut [T], hidden: &mut [T], inputs: CellInputs<'_, T, I>) {
    let dim = cell.len();
    inputs.expect_dim(dim);
    assert!(hidden.len() == dim, "rows of one dim");
    for start in starts::<T, V>(dim) {
        // SAFETY: all rows have `dim` elements, and no register starts after the one that ends with a row.
        unsafe {
            let [i, o, u] = [0, 1, 2].map(|gate| V::load(inputs.iou, gate * dim + start));
            let mut state = i * u;
            for (k, child) in inputs.children.iter().enumerate() {
                let forget = V::load(inputs.forget.row(k), start);
                state = state + forget * V::load(inputs.cells.row(child.row()), start);
            }
            state.store(cell, start);
            (o * tanh(state)).store(hidden, start);
        }
    }
}

/// The state of a node and the gradients that reach it.
#[derive(Clone, Copy)]
pub(crate) struct CellGrads<'a, T> {
    pub(crate) cell: &'a [T],
    pub(crate) grad_cell: &'a [T],
    pub(crate) grad_hidden: &'a [T],
}

/// Where the gradients of one node go.
pub(crate) struct CellOutputs<'a, T> {
    /// Of what i, o, u and f are the functions of, side by side; f that of all children together.
    pub(crate) grad_iouf: &'a mut [T],
    /// Of what the forget gate of each child is the function of, a row for each.
    pub(crate) grad_forget: RowsMut<'a, T>,
    /// Of the state of each child, a row for each.
    pub(crate) grad_children: RowsMut<'a, T>,
}

/// The gradients of `cell_state`, through the gates.
#[inline(always)]
pub(crate) fn cell_gradient<T: Exponential, V: Vector<T>, I: Id>(
    outputs: CellOutputs<'_, T>,
    inputs: CellInputs<'_, T, I>,
    grads: CellGrads<'_, T>,
) {
    if grads.cell.len() < V::LANES {
        gradient_columns::<T, Lanes<T, 1>, I>(outputs, inputs, grads);
    } else {
        gradient_columns::<T, V, I>(outputs, inputs, grads);
    }
}

#[inline(always)]
fn gradient_columns<T: Exponential, V: Vector<T>, I: Id>(
    outputs: CellOutputs<'_, T>,
    inputs: CellInputs<'_, T, I>,
    CellGrads { cell, grad_cell, grad_hidden }: CellGrads<'_, T>,
) {
    let CellOutputs { grad_iouf, mut grad_forget, mut grad_children } = outputs;
    let dim = cell.len();
    inputs.expect_dim(dim);
    assert!(grad_cell.len() == dim && grad_hidden.len() == dim && grad_iouf.len() == 4 * dim, "rows of one dim");
    assert!(grad_forget.dim() == dim && grad_children.dim() == dim, "rows of one dim");
    let one = V::splat(T::ONE);
    for start in starts::<T, V>(dim) {
        // SAFETY: as for `state_columns`.
        unsafe {
            let [i, o, u] = [0, 1, 2].map(|gate| V::load(inputs.iou, gate * dim + start));
            let squashed = tanh::<T, V>(V::load(cell, start));
            let hidden = V::load(grad_hidden, start);
            let state = V::load(grad_cell, start) + hidden * o * (one - squashed * squashed);
            let mut all = V::splat(T::ZERO);
            for (k, child) in inputs.children.iter().enumerate() {
                let forget = V::load(inputs.forget.row(k), start);
                let grad = state * V::load(inputs.cells.row(child.row()), start) * forget * (one - forget);
                grad.store(grad_forget.row_mut(k), start);
                (state * forget).store(grad_children.row_mut(k), start);
                all = all + grad;
            }
            (state * u * i * (one - i)).store(grad_iouf, start);
            (hidden * squashed * o * (one - o)).store(grad_iouf, dim + start);
            (state * i * (one - u * u)).store(grad_iouf, 2 * dim + start);
            all.store(grad_iouf, 3 * dim + start);
        }
    }
}

/// Where the registers of a row of `dim` elements start. None do in a row shorter than one of them.
#[inline(always)]
fn starts<T, V: Vector<T>>(dim: usize) -> impl Iterator<Item = usize> {
    let last = dim.checked_sub(V::LANES);
    (0..last.unwrap_or(0)).step_by(V::LANES).chain(last)
}
