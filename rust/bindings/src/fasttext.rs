//! `read_fasttext_binary`, `subword_rows`: fastText's models and their character n-grams.

use std::path::{Path, PathBuf};

use finevec_core::formats::{Ngrams, Number, ReadOptions, read_fasttext_binary as read};
use numpy::{PyArray1, PyArrayMethods};
use pyo3::exceptions::{PyMemoryError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyList, PyString, PyTuple};

use crate::errors;
use crate::vectors::{interruptible, read_options, to_objects};

#[pyfunction]
#[pyo3(signature = (path, *, vocabulary=None, limit=None, dtype="float32", encoding_errors="strict", progress=None))]
#[allow(clippy::needless_pass_by_value)] // Python's arguments arrive owned.
fn read_fasttext_binary<'py>(
    py: Python<'py>,
    path: PathBuf,
    vocabulary: Option<Vec<PyBackedStr>>,
    limit: Option<u64>,
    dtype: &str,
    encoding_errors: &str,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyTuple>> {
    let options = read_options(None, vocabulary, limit, encoding_errors)?;
    match dtype {
        "float32" => read_model::<f32>(py, &path, &options, progress.as_ref()),
        "float64" => read_model::<f64>(py, &path, &options, progress.as_ref()),
        _ => Err(PyValueError::new_err(format!("dtype is {dtype:?}, wanted \"float32\" or \"float64\""))),
    }
}

fn read_model<'py, T: Number + numpy::Element>(
    py: Python<'py>,
    path: &Path,
    options: &ReadOptions,
    progress: Option<&Py<PyAny>>,
) -> PyResult<Bound<'py, PyTuple>> {
    let model = py.detach(|| interruptible(progress, |hook| read::<T>(path, options, hook)))?;
    let dim = model.table.dim;
    let (vectors, words, info) = to_objects(py, model.table)?;
    info.set_item("kind", model.kind.name())?;
    info.set_item("version", model.version)?;
    info.set_item("labels", model.labels)?;
    let Some(subwords) = model.subwords else {
        return (vectors, words, info, None::<usize>).into_pyobject(py);
    };
    info.set_item("min_n", subwords.ngrams.shortest())?;
    info.set_item("max_n", subwords.ngrams.longest())?;
    let ngrams = PyArray1::from_vec(py, subwords.rows).reshape([subwords.ngrams.buckets(), dim])?;
    (vectors, words, info, ngrams).into_pyobject(py)
}

#[pyfunction]
#[pyo3(signature = (words, *, min_n, max_n, buckets))]
fn subword_rows<'py>(
    words: &Bound<'py, PyList>,
    min_n: i64,
    max_n: i64,
    buckets: i64,
) -> PyResult<Bound<'py, PyTuple>> {
    let ngrams = Ngrams::new(min_n, max_n, buckets).map_err(|error| errors::of_file(&error))?;
    let mut rows = Vec::new();
    let mut offsets = vec![0];
    for word in words {
        // A text with half of a surrogate pair has no UTF-8, and so no n-grams.
        if let Ok(text) = word.cast::<PyString>()?.to_str() {
            ngrams.for_each_row(text.as_bytes(), |row| push(&mut rows, row.into()))?;
        }
        offsets.push(rows.len() as i64);
    }
    let py = words.py();
    (PyArray1::from_vec(py, rows), PyArray1::from_vec(py, offsets)).into_pyobject(py)
}

/// A word has as many n-grams as its length times `max_n`, so memory for them may well lack.
fn push(rows: &mut Vec<i64>, row: i64) -> PyResult<()> {
    if rows.len() == rows.capacity() && rows.try_reserve(1).is_err() {
        return Err(PyMemoryError::new_err(format!("no memory for the rows of more than {} n-grams", rows.len())));
    }
    rows.push(row);
    Ok(())
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(read_fasttext_binary, module)?)?;
    module.add_function(wrap_pyfunction!(subword_rows, module)?)
}
