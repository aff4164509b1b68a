//! `pick_packed_words`, `pick_word_lines`: words that a file keeps apart from its table.

use std::path::PathBuf;

use finevec_core::formats::{PickedWords, pick_packed_words as pick_packed, pick_word_lines as pick_lines};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;

use crate::arrays::Door;
use crate::errors;
use crate::vectors::read_options;
use crate::words::Words;

/// The words, the rows of the file that they are (None: all, in order), and how many were repeated.
type Picked<'py> = (Words, Option<Bound<'py, PyArray1<i64>>>, u64);

fn to_objects(py: Python<'_>, picked: PickedWords) -> Picked<'_> {
    let rows = picked.rows.map(|rows| PyArray1::from_vec(py, rows));
    (picked.words.into(), rows, picked.repeated)
}

#[pyfunction]
#[pyo3(signature = (path, block, offsets, *, byte=0, vocabulary=None, encoding_errors="strict"))]
#[allow(clippy::needless_pass_by_value)] // Python's arguments arrive owned.
fn pick_packed_words<'py>(
    py: Python<'py>,
    path: PathBuf,
    block: &[u8],
    offsets: &Bound<'py, PyAny>,
    byte: u64,
    vocabulary: Option<Vec<PyBackedStr>>,
    encoding_errors: &str,
) -> PyResult<Picked<'py>> {
    let options = read_options(None, vocabulary, None, encoding_errors)?;
    let mut door = Door::new(py);
    let offsets = door.integers_1d(offsets, "offsets")?;
    let picked = door.passes(|passes| {
        let offsets = offsets.to_vec(&passes.next());
        pick_packed(&path, block, &offsets, byte, &options)
    })?;
    picked.map(|picked| to_objects(py, picked)).map_err(|error| errors::of_file(&error))
}

#[pyfunction]
#[pyo3(signature = (path, text, *, vocabulary=None, limit=None, encoding_errors="strict"))]
#[allow(clippy::needless_pass_by_value)]
fn pick_word_lines<'py>(
    py: Python<'py>,
    path: PathBuf,
    text: &[u8],
    vocabulary: Option<Vec<PyBackedStr>>,
    limit: Option<u64>,
    encoding_errors: &str,
) -> PyResult<(Picked<'py>, u64)> {
    let options = read_options(None, vocabulary, limit, encoding_errors)?;
    let (picked, lines) = py.detach(|| pick_lines(&path, text, &options)).map_err(|error| errors::of_file(&error))?;
    Ok((to_objects(py, picked), lines))
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(pick_packed_words, module)?)?;
    module.add_function(wrap_pyfunction!(pick_word_lines, module)?)
}
