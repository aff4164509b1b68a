//! `ngram_max`, `ngram_backward`: the convolution of the text CNN.

use finevec_core::ngram::{Filters, NgramGrad, ngram_max as forward};
use finevec_core::scratch::zeroed;
use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;

use crate::arrays::Door;
use crate::dtype::by_dtype;
use crate::errors;
use crate::new_arrays::output;
use crate::shape::expect_shape;
use crate::traffic::Access;

fn filters(widths: Vec<usize>, count: usize) -> PyResult<Filters> {
    Filters::new(widths, count).map_err(|error| errors::to_python(&error))
}

#[pyfunction]
#[pyo3(signature = (ids, offsets, projected, *, widths, filters))]
fn ngram_max<'py>(
    ids: &Bound<'py, PyAny>,
    offsets: &Bound<'py, PyAny>,
    projected: &Bound<'py, PyAny>,
    widths: Vec<usize>,
    filters: usize,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let filters = self::filters(widths, filters)?;
    let py = ids.py();
    let mut door = Door::new(py);
    let ids = door.integers_1d(ids, "ids")?;
    let offsets = door.integers_1d(offsets, "offsets")?;
    let projected = door.matrix(projected, "projected", Access::Read)?;
    expect_shape("projected", &[projected.rows(), projected.dim()], &[projected.rows(), filters.rows()])?;
    let shape = [offsets.shape[0].saturating_sub(1), filters.responses()];
    let out = output(py, &shape, projected.dtype)?;
    let to = door.table_like(&out, "out", 1, projected.dtype, &shape)?;
    let windows = by_dtype!(projected.dtype, T => door.pass(|pass| {
        let texts = offsets.bags(pass, ids.ids(pass, projected.rows())?, true)?;
        let mut windows = zeroed(shape[0] * shape[1])?;
        forward::<T>(&texts, projected.view(pass), &filters, to.view_mut(pass), &mut windows)?;
        Ok(windows)
    }))?;
    Ok((out, PyArray1::from_vec(py, windows).reshape(shape)?.into_any()))
}

#[pyfunction]
#[pyo3(signature = (ids, offsets, grad, windows, vectors, weight, *, widths, filters, with_vectors=true))]
#[expect(clippy::too_many_arguments, reason = "what the forward pass had, and its results")]
fn ngram_backward<'py>(
    ids: &Bound<'py, PyAny>,
    offsets: &Bound<'py, PyAny>,
    grad: &Bound<'py, PyAny>,
    windows: &Bound<'py, PyAny>,
    vectors: &Bound<'py, PyAny>,
    weight: &Bound<'py, PyAny>,
    widths: Vec<usize>,
    filters: usize,
    with_vectors: bool,
) -> PyResult<(Bound<'py, PyAny>, Option<Bound<'py, PyAny>>)> {
    let filters = self::filters(widths, filters)?;
    let py = ids.py();
    let mut door = Door::new(py);
    let ids = door.integers_1d(ids, "ids")?;
    let offsets = door.integers_1d(offsets, "offsets")?;
    let vectors = door.matrix(vectors, "vectors", Access::Read)?;
    let texts = offsets.shape[0].saturating_sub(1);
    let (grad, _grad) = door.input(grad, "grad", 1, vectors.dtype, &[texts, filters.responses()])?;
    let (weight, _weight) = door.input(weight, "weight", 1, vectors.dtype, &[filters.rows(), vectors.dim()])?;
    let windows = door.integers(windows, "windows")?;
    expect_shape("windows", &windows.shape, &[texts, filters.responses()])?;
    let (rows, dim) = (vectors.rows(), vectors.dim());
    let weight_grad = output(py, &[filters.rows(), dim], vectors.dtype)?;
    let to_weight = door.table_like(&weight_grad, "weight_grad", 1, vectors.dtype, &[filters.rows(), dim])?;
    let vectors_grad = with_vectors.then(|| output(py, &[rows, dim], vectors.dtype)).transpose()?;
    let open = |out| door.table_like(out, "vectors_grad", 1, vectors.dtype, &[rows, dim]);
    let to_vectors = vectors_grad.as_ref().map(open).transpose()?;
    by_dtype!(vectors.dtype, T => door.pass(|pass| {
        let texts = offsets.bags(pass, ids.ids(pass, rows)?, true)?;
        let windows = windows.to_i32(pass, "a window")?;
        let grad = NgramGrad { texts: &texts, filters: &filters, grad: grad.view::<T>(pass), windows: &windows };
        let to_vectors = to_vectors.map(|table| table.view_mut(pass));
        grad.backward(vectors.view(pass), weight.view(pass), to_weight.view_mut(pass), to_vectors)
    }))?;
    Ok((weight_grad, vectors_grad))
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(ngram_max, module)?)?;
    module.add_function(wrap_pyfunction!(ngram_backward, module)?)
}
