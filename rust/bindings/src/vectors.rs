//! `sniff`, `read_vectors`, `write_vectors`: files of word vectors.

use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use finevec_core::formats::{
    self, EncodingErrors, Format, FormatError, Hook, Number, Progress, ReadOptions, RowBlocks, WordSet,
    read_vectors as read, sniff_file, write_vectors as write,
};
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyDict, PyTuple};

use finevec_core::Element;
use finevec_core::rows::Rows;

use crate::arrays::{Door, Passes, Table};
use crate::dtype::by_dtype;
use crate::errors;
use crate::traffic::Access;
use crate::words::Words;

#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // Python's arguments arrive owned.
fn sniff(py: Python<'_>, path: PathBuf) -> PyResult<&'static str> {
    py.detach(|| sniff_file(&path)).map(Format::name).map_err(|error| errors::of_file(&error))
}

#[pyfunction]
#[pyo3(signature = (path, *, format=None, vocabulary=None, limit=None, dtype="float32", encoding_errors="strict", progress=None))]
#[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)] // Python's arguments arrive one by one, owned.
fn read_vectors<'py>(
    py: Python<'py>,
    path: PathBuf,
    format: Option<&str>,
    vocabulary: Option<Vec<PyBackedStr>>,
    limit: Option<u64>,
    dtype: &str,
    encoding_errors: &str,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyTuple>> {
    let options = read_options(format, vocabulary, limit, encoding_errors)?;
    match dtype {
        "float32" => read_table::<f32>(py, &path, &options, progress.as_ref()),
        "float64" => read_table::<f64>(py, &path, &options, progress.as_ref()),
        _ => Err(PyValueError::new_err(format!("dtype is {dtype:?}, wanted \"float32\" or \"float64\""))),
    }
}

/// What to read, of Python's arguments.
pub(crate) fn read_options(
    format: Option<&str>,
    vocabulary: Option<Vec<PyBackedStr>>,
    limit: Option<u64>,
    encoding_errors: &str,
) -> PyResult<ReadOptions> {
    Ok(ReadOptions {
        format: format.map(format_named).transpose()?,
        vocabulary: vocabulary.map(|words| words.iter().map(|word| -> &str { word }).collect::<WordSet>()),
        limit,
        encoding_errors: encoding_errors_named(encoding_errors)?,
    })
}

fn read_table<'py, T: Number + numpy::Element>(
    py: Python<'py>,
    path: &Path,
    options: &ReadOptions,
    progress: Option<&Py<PyAny>>,
) -> PyResult<Bound<'py, PyTuple>> {
    let table = py.detach(|| interruptible(progress, |hook| read::<T>(path, options, hook)))?;
    to_objects(py, table)?.into_pyobject(py)
}

/// A table as its vectors, its words, and what the file told.
#[allow(clippy::type_complexity)] // What Python unpacks.
pub(crate) fn to_objects<T: Number + numpy::Element>(
    py: Python<'_>,
    table: formats::Table<T>,
) -> PyResult<(Bound<'_, PyArray2<T>>, Words, Bound<'_, PyDict>)> {
    let info = PyDict::new(py);
    info.set_item("format", table.info.format.name())?;
    info.set_item("promised", table.info.promised)?;
    info.set_item("rows", table.info.rows)?;
    info.set_item("repeated", table.info.repeated)?;
    info.set_item("numbered", table.info.numbered)?;
    info.set_item("final_newline", table.info.final_newline)?;
    let shape = [table.words.words().len(), table.dim];
    let vectors = PyArray1::from_vec(py, table.values).reshape(shape)?;
    Ok((vectors, table.words.into(), info))
}

#[pyfunction]
#[pyo3(signature = (path, vectors, words, *, format, progress=None))]
#[allow(clippy::needless_pass_by_value)]
fn write_vectors(
    path: PathBuf,
    vectors: &Bound<'_, PyAny>,
    words: &Bound<'_, Words>,
    format: &str,
    progress: Option<Py<PyAny>>,
) -> PyResult<()> {
    let format = format_named(format)?;
    let words = words.get().words();
    let mut door = Door::new(vectors.py());
    let table = door.matrix(vectors, "vectors", Access::Read)?;
    by_dtype!(table.dtype, T => door.passes(|passes| {
        let mut blocks = Blocks::<T> { table: &table, passes, copy: Vec::new() };
        interruptible(progress.as_ref(), |hook| write(&path, format, words, &mut blocks, hook))
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
pub(crate) fn interruptible<R>(
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
    Format::named(name).ok_or_else(|| {
        let names = Format::ALL.map(Format::name).join(", ");
        PyValueError::new_err(format!("format is {name:?}, wanted one of {names}"))
    })
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
    module.add_function(wrap_pyfunction!(sniff, module)?)?;
    module.add_function(wrap_pyfunction!(read_vectors, module)?)?;
    module.add_function(wrap_pyfunction!(write_vectors, module)?)
}
