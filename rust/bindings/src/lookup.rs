//! `embedding`: gathering rows.

use finevec_core::lookup::lookup;
use pyo3::prelude::*;

use crate::arrays::Door;
use crate::dtype::by_dtype;
use crate::new_arrays::output;
use crate::traffic::Access;

#[pyfunction]
#[pyo3(signature = (ids, weight, out=None))]
fn embedding<'py>(
    ids: &Bound<'py, PyAny>,
    weight: &Bound<'py, PyAny>,
    out: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let mut door = Door::new(ids.py());
    let ids = door.integers(ids, "ids")?;
    let weight = door.matrix(weight, "weight", Access::Read)?;
    let shape = [ids.shape.as_slice(), &[weight.dim()]].concat();
    let out = out.map_or_else(|| output(door.py(), &shape, weight.dtype), Ok)?;
    let to = door.table_like(&out, "out", ids.shape.len(), weight.dtype, &shape)?;
    by_dtype!(weight.dtype, T => door.pass(|pass| {
        lookup(&ids.ids(pass, weight.rows())?, weight.view::<T>(pass), to.view_mut(pass))
    }))?;
    Ok(out)
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(embedding, module)?)
}
