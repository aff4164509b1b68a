//! `lstm_states`, `lstm_gradients`: the fused LSTM cell with any number of children.

use finevec_core::gates::{NodeGrads, NodeStates, Nodes};
use numpy::PyUntypedArrayMethods;
use pyo3::prelude::*;

use crate::arrays::Door;
use crate::dtype::by_dtype;
use crate::ndarray::array;
use crate::traffic::Access;

#[pyfunction]
#[pyo3(signature = (iou, forget, cell, hidden, *, projected, words, cells, children, offsets))]
#[expect(clippy::too_many_arguments, reason = "the arrays of one level of a tree")]
fn lstm_states<'py>(
    iou: &Bound<'py, PyAny>,
    forget: &Bound<'py, PyAny>,
    cell: &Bound<'py, PyAny>,
    hidden: &Bound<'py, PyAny>,
    projected: &Bound<'py, PyAny>,
    words: &Bound<'py, PyAny>,
    cells: &Bound<'py, PyAny>,
    children: &Bound<'py, PyAny>,
    offsets: &Bound<'py, PyAny>,
) -> PyResult<()> {
    let mut door = Door::new(iou.py());
    let words = door.integers_1d(words, "words")?;
    let children = door.integers_1d(children, "children")?;
    let offsets = door.integers_1d(offsets, "offsets")?;
    let cells = door.matrix(cells, "cells", Access::Read)?;
    let (nodes, edges, dim) = (words.shape[0], children.shape[0], cells.dim());
    let rows = array(projected, "projected")?.shape().first().copied().unwrap_or(0);
    let (projected, _projected) = door.input(projected, "projected", 1, cells.dtype, &[rows, 4 * dim])?;
    let iou = door.table_like(iou, "iou", 1, cells.dtype, &[nodes, 3 * dim])?;
    let forget = door.table_like(forget, "forget", 1, cells.dtype, &[edges, dim])?;
    let cell = door.table_like(cell, "cell", 1, cells.dtype, &[nodes, dim])?;
    let hidden = door.table_like(hidden, "hidden", 1, cells.dtype, &[nodes, dim])?;
    by_dtype!(cells.dtype, T => door.pass(|pass| {
        let children = offsets.bags(pass, children.ids(pass, cells.rows())?, true)?;
        let words = words.ids(pass, projected.rows())?;
        let nodes = Nodes { children: &children, cells: cells.view::<T>(pass) };
        nodes.states(
            &words,
            projected.view(pass),
            iou.view_mut(pass),
            forget.view_mut(pass),
            cell.view_mut(pass),
            hidden.view_mut(pass),
        )
    }))
}

#[pyfunction]
#[pyo3(signature = (grad_projected, grad_forget, grad_cells, *, iou, forget, cell, grad_cell, grad_hidden, cells, children, offsets))]
#[expect(clippy::too_many_arguments, reason = "the arrays of one level of a tree")]
fn lstm_gradients<'py>(
    grad_projected: &Bound<'py, PyAny>,
    grad_forget: &Bound<'py, PyAny>,
    grad_cells: &Bound<'py, PyAny>,
    iou: &Bound<'py, PyAny>,
    forget: &Bound<'py, PyAny>,
    cell: &Bound<'py, PyAny>,
    grad_cell: &Bound<'py, PyAny>,
    grad_hidden: &Bound<'py, PyAny>,
    cells: &Bound<'py, PyAny>,
    children: &Bound<'py, PyAny>,
    offsets: &Bound<'py, PyAny>,
) -> PyResult<()> {
    let mut door = Door::new(iou.py());
    let children = door.integers_1d(children, "children")?;
    let offsets = door.integers_1d(offsets, "offsets")?;
    let cells = door.matrix(cells, "cells", Access::Read)?;
    let (nodes, edges, dim) = (offsets.shape[0].saturating_sub(1), children.shape[0], cells.dim());
    let dtype = cells.dtype;
    let (iou, _iou) = door.input(iou, "iou", 1, dtype, &[nodes, 3 * dim])?;
    let (forget, _forget) = door.input(forget, "forget", 1, dtype, &[edges, dim])?;
    let (cell, _cell) = door.input(cell, "cell", 1, dtype, &[nodes, dim])?;
    let (grad_cell, _grad_cell) = door.input(grad_cell, "grad_cell", 1, dtype, &[nodes, dim])?;
    let (grad_hidden, _grad_hidden) = door.input(grad_hidden, "grad_hidden", 1, dtype, &[nodes, dim])?;
    let grad_projected = door.table_like(grad_projected, "grad_projected", 1, dtype, &[nodes, 4 * dim])?;
    let grad_forget = door.table_like(grad_forget, "grad_forget", 1, dtype, &[edges, dim])?;
    let grad_cells = door.table_like(grad_cells, "grad_cells", 1, dtype, &[edges, dim])?;
    by_dtype!(dtype, T => door.pass(|pass| {
        let children = offsets.bags(pass, children.ids(pass, cells.rows())?, true)?;
        let states = NodeStates {
            iou: iou.view::<T>(pass),
            forget: forget.view(pass),
            cell: cell.view(pass),
            grad_cell: grad_cell.view(pass),
            grad_hidden: grad_hidden.view(pass),
        };
        let grads = NodeGrads {
            projected: grad_projected.view_mut(pass),
            forget: grad_forget.view_mut(pass),
            cells: grad_cells.view_mut(pass),
        };
        Nodes { children: &children, cells: cells.view(pass) }.gradients(&states, grads)
    }))
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(lstm_states, module)?)?;
    module.add_function(wrap_pyfunction!(lstm_gradients, module)?)
}
