//! `inspect_vectors`: a file of rows, read as far as it can be read.

use std::path::PathBuf;

use finevec_core::formats::inspect_vectors as inspect;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::vectors::{interruptible, read_options, to_objects};

#[pyfunction]
#[pyo3(signature = (path, *, format=None, encoding_errors="strict", progress=None))]
#[allow(clippy::needless_pass_by_value)] // Python's arguments arrive owned.
fn inspect_vectors<'py>(
    py: Python<'py>,
    path: PathBuf,
    format: Option<&str>,
    encoding_errors: &str,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyTuple>> {
    let options = read_options(format, None, None, encoding_errors)?;
    let (table, faults) =
        py.detach(|| interruptible(progress.as_ref(), |hook| inspect::<f32>(&path, &options, hook)))?;
    let (vectors, words, info) = to_objects(py, table)?;
    info.set_item("bad_rows", faults.rows)?;
    info.set_item("faults", faults.first.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    info.set_item("end", faults.end.map(|end| end.to_string()))?;
    (vectors, words, info).into_pyobject(py)
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(inspect_vectors, module)?)
}
