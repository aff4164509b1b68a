//! `coalesce`: unique ids and their summed gradients.

use finevec_core::coalesce::Coalesced;
use finevec_core::grad::{Entry, RowGrad};
use finevec_core::rows::RowsMut;
use finevec_core::scratch::zeroed;
use numpy::{IntoPyArray, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arrays::{Door, dtype_of};
use crate::dtype::{Dtype, by_dtype};
use crate::shape::shape_text;

#[pyfunction]
fn coalesce<'py>(
    ids: &Bound<'py, PyAny>,
    grad: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let py = ids.py();
    let mut door = Door::new(py);
    let ids = door.integers(ids, "ids")?;
    let (dtype, shape): (Dtype, Vec<usize>) = dtype_of(grad, "grad")?;
    let Some((&dim, leading)) = shape.split_last().filter(|(_, leading)| *leading == ids.shape) else {
        let text = format!(
            "grad has shape {}, wanted ids.shape + (dim,), ids.shape being {}",
            shape_text(&shape),
            shape_text(&ids.shape)
        );
        return Err(PyValueError::new_err(text));
    };
    let (grad, _) = door.input(grad, "grad", leading.len(), dtype, &shape)?;
    by_dtype!(dtype, T => {
        let (unique, sums) = door.pass(|pass| {
            let ids = ids.ids_alone(pass)?;
            let rows = ids.rows();
            let route = RowGrad::<T>::per_id(ids, dim, None);
            let entries = [Entry::new(&route, grad.view(pass))?];
            let coalesced = Coalesced::new(&entries, rows, dim)?;
            let mut unique = zeroed::<i64>(coalesced.ids().len())?;
            unique.iter_mut().zip(coalesced.ids()).for_each(|(unique, &id)| *unique = id as i64);
            let mut sums = zeroed::<T>(unique.len().saturating_mul(dim))?;
            coalesced.sum_into(RowsMut::new(&mut sums, unique.len(), dim));
            Ok((unique, sums))
        })?;
        let sums = sums.into_pyarray(py).reshape([unique.len(), dim])?;
        Ok((unique.into_pyarray(py).into_any(), sums.into_any()))
    })
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(coalesce, module)?)
}
