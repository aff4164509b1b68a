//! `read_text`, `write_text`: files of word vectors.

use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use finevec_core::formats::{
    EncodingErrors, Format, FormatError, Hook, Number, Progress, ReadOptions, RowBlocks, WordSet, Words,
    read_text as read, write_text as write,
};
use numpy::{PyArray1, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use finevec_core::Element;
use finevec_core::rows::Rows;

use crate::arrays::{Door, Passes, Table};
use crate::dtype::by_dtype;
use crate::errors;
use crate::traffic::Access;

#[pyfunction]
#[pyo3(signature = (path, *, format=None, vocabulary=None, limit=None, dtype="float32", encoding_errors="strict", progress=None))]
#[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)] // Python's arguments arrive one by one, owned.
fn read_text<'py>(
    py: Python<'py>,
    path: PathBuf,
    format: Option<&str>,
    vocabulary: Option<Vec<PyBackedStr>>,
    limit: Option<u64>,
    dtype: &str,
    encoding_errors: &str,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyTuple>> {
    let options = ReadOptions {
        format: format.map(format_named).transpose()?,
        vocabulary: vocabulary.map(|words| words.iter().map(|word| -> &str { word }).collect::<WordSet>()),
        limit,
        encoding_errors: encoding_errors_named(encoding_errors)?,
    };
    match dtype {
        "float32" => read_table::<f32>(py, &path, &options, progress.as_ref()),
        "float64" => read_table::<f64>(py, &path, &options, progress.as_ref()),
        _ => Err(PyValueError::new_err(format!("dtype is {dtype:?}, wanted \"float32\" or \"float64\""))),
    }
}

fn read_table<'py, T: Number + numpy::Element>(
    py: Python<'py>,
    path: &Path,
    options: &ReadOptions,
    progress: Option<&Py<PyAny>>,
) -> PyResult<Bound<'py, PyTuple>> {
    let outcome = py.detach(|| interruptible(progress, |hook| read::<T>(path, options, hook)));
    let table = outcome?;
    let info = PyDict::new(py);
    info.set_item("format", table.layout.format().name())?;
    info.set_item("rows", table.rows)?;
    info.set_item("repeated", table.repeated)?;
    info.set_item("numbered", table.numbered)?;
    info.set_item("final_newline", table.final_newline)?;
    let shape = [table.words.len(), table.layout.dim()];
    let vectors = PyArray1::from_vec(py, table.values).reshape(shape)?;
    let (block, offsets) = table.words.into_parts();
    (vectors, PyBytes::new(py, &block), PyArray1::from_vec(py, offsets), info).into_pyobject(py)
}

#[pyfunction]
#[pyo3(signature = (path, vectors, word_block, word_offsets, *, format))]
#[allow(clippy::needless_pass_by_value)]
fn write_text(
    path: PathBuf,
    vectors: &Bound<'_, PyAny>,
    word_block: &[u8],
    word_offsets: &Bound<'_, PyAny>,
    format: &str,
) -> PyResult<()> {
    let format = format_named(format)?;
    let block = std::str::from_utf8(word_block).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let mut door = Door::new(vectors.py());
    let offsets = door.integers(word_offsets, "word_offsets")?;
    let table = door.matrix(vectors, "vectors", Access::Read)?;
    by_dtype!(table.dtype, T => door.passes(|passes| {
        let offsets = offsets.to_vec(&passes.next());
        let words = Words::from_parts(block, offsets).map_err(|error| errors::of_file(&error))?;
        let mut blocks = Blocks::<T> { table: &table, passes, copy: Vec::new() };
        interruptible(None, |hook| write(&path, format, &words, &mut blocks, hook))
    }))?
}

/// A table whose blocks are copied one at a time, so that calls that train it wait for a block at most, and a signal
/// handler may use it.
struct Blocks<'a, T> {
    table: &'a Table,
    passes: &'a Passes,
    copy: Vec<T>,
}

impl<T: Element> RowBlocks<T> for Blocks<'_, T> {
    fn rows(&self) -> usize {
        self.table.rows()
    }

    fn dim(&self) -> usize {
        self.table.dim()
    }

    fn block(&mut self, rows: Range<usize>) -> Rows<'_, T> {
        let pass = self.passes.next();
        let view = self.table.view::<T>(&pass);
        self.copy.clear();
        rows.clone().for_each(|row| self.copy.extend_from_slice(view.row(row)));
        Rows::new(&self.copy, rows.len(), self.table.dim())
    }
}

/// Runs `work` with a hook that stops it for Ctrl-C and for an exception of `progress`, and then gives that exception.
fn interruptible<R>(
    progress: Option<&Py<PyAny>>,
    work: impl FnOnce(Hook<'_>) -> Result<R, FormatError>,
) -> PyResult<R> {
    let mut raised = None;
    let mut hook = |now: Progress| {
        let told = Python::attach(|py| {
            py.check_signals()?;
            progress.map_or(Ok(()), |call| call.call1(py, (now.rows, now.bytes, now.total_bytes)).map(drop))
        });
        raised = told.err();
        if raised.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let outcome = work(&mut hook);
    match (raised, outcome) {
        (Some(raised), _) => Err(raised),
        (None, outcome) => outcome.map_err(|error| errors::of_file(&error)),
    }
}

fn format_named(name: &str) -> PyResult<Format> {
    [Format::Glove, Format::Word2vec]
        .into_iter()
        .find(|format| format.name() == name)
        .ok_or_else(|| PyValueError::new_err(format!("format is {name:?}, wanted \"glove\" or \"word2vec\"")))
}

fn encoding_errors_named(name: &str) -> PyResult<EncodingErrors> {
    match name {
        "strict" => Ok(EncodingErrors::Strict),
        "replace" => Ok(EncodingErrors::Replace),
        "ignore" => Ok(EncodingErrors::Ignore),
        _ => {
            let text = format!("encoding_errors is {name:?}, wanted \"strict\", \"replace\" or \"ignore\"");
            Err(PyValueError::new_err(text))
        }
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(read_text, module)?)?;
    module.add_function(wrap_pyfunction!(write_text, module)?)
}
