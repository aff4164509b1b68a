//! `lazy_full`: arrays that cost memory only where they are written.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::dtype::Dtype;
use crate::new_arrays;
use crate::whole::Whole;

#[pyfunction]
#[pyo3(signature = (size, value, *, dtype="float32"))]
fn lazy_full<'py>(py: Python<'py>, size: Whole, value: f64, dtype: &str) -> PyResult<Bound<'py, PyAny>> {
    if size.0 < 0 {
        return Err(PyValueError::new_err(format!("size is {}, wanted at least 0", size.0)));
    }
    let dtype = match dtype {
        "float32" => Dtype::F32,
        "float64" => Dtype::F64,
        _ => return Err(PyValueError::new_err(format!("dtype is {dtype:?}, wanted \"float32\" or \"float64\""))),
    };
    // More than there are numbers for is more than there is memory for.
    new_arrays::lazy_full(py, usize::try_from(size.0).unwrap_or(usize::MAX), value, dtype)
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(lazy_full, module)?)
}
