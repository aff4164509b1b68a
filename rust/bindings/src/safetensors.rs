//! `parse_safetensors`, `safetensors_head`: headers of safetensors files.

use std::path::PathBuf;

use finevec_core::formats::{parse_safetensors as parse, safetensors_head as head_of};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors;

/// Name, dtype, shape, first byte in the file, and the byte after the last.
type Tensor = (String, String, Vec<usize>, u64, u64);

/// The tensors, and texts about them by key.
type Header = (Vec<Tensor>, Vec<(String, String)>);

#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // Python's arguments arrive owned.
fn parse_safetensors(path: PathBuf, head: &[u8], size: u64) -> PyResult<Header> {
    let file = parse(&path, head, size).map_err(|error| errors::of_file(&error))?;
    let tensors = file.tensors.into_iter();
    let tensors = tensors.map(|one| (one.name, one.dtype, one.shape, one.bytes.start, one.bytes.end)).collect();
    Ok((tensors, file.metadata))
}

#[pyfunction]
#[pyo3(signature = (rows, dim, dtype, word_bytes))]
fn safetensors_head<'py>(
    py: Python<'py>,
    rows: usize,
    dim: usize,
    dtype: &str,
    word_bytes: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let head = head_of(rows, dim, dtype, word_bytes).map_err(|error| errors::of_file(&error))?;
    Ok(PyBytes::new(py, &head))
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(parse_safetensors, module)?)?;
    module.add_function(wrap_pyfunction!(safetensors_head, module)?)
}
