//! `Words`: packed words that are found by their text.

use finevec_core::formats::{WordSet, Words as Packed};
use numpy::PyArray1;
use pyo3::exceptions::{PyIndexError, PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};

use crate::arrays::Door;
use crate::errors;

/// Different words as one block of UTF-8 with an index beside it.
#[pyclass(frozen, module = "finevec._finevec")]
pub(crate) struct Words {
    set: WordSet,
}

impl Words {
    /// The words alone.
    pub(crate) fn words(&self) -> &Packed {
        self.set.words()
    }
}

impl From<WordSet> for Words {
    fn from(set: WordSet) -> Self {
        Self { set }
    }
}

#[pymethods]
impl Words {
    #[new]
    fn new(words: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut set = WordSet::default();
        for (row, word) in words.try_iter()?.enumerate() {
            let word = word?;
            let Ok(text) = word.cast::<PyString>() else {
                return Err(PyTypeError::new_err(format!(
                    "word {row}: expected a string, got {}",
                    word.get_type().name()?
                )));
            };
            add(&mut set, text.to_str()?, row)?;
        }
        Ok(set.into())
    }

    #[staticmethod]
    fn from_packed(block: &Bound<'_, PyBytes>, offsets: &Bound<'_, PyAny>) -> PyResult<Self> {
        let text = std::str::from_utf8(block.as_bytes()).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let mut door = Door::new(block.py());
        let offsets = door.integers_1d(offsets, "offsets")?;
        let packed = door.passes(|passes| {
            let offsets = offsets.to_vec(&passes.next());
            Packed::from_parts(text.to_owned(), offsets).map_err(|error| errors::of_file(&error))
        })??;
        let mut set = WordSet::default();
        (0..packed.len()).try_for_each(|row| add(&mut set, packed.text(row), row))?;
        Ok(set.into())
    }

    fn __len__(&self) -> usize {
        self.words().len()
    }

    /// Rows do not count from the end.
    fn __getitem__(&self, row: &Bound<'_, PyAny>) -> PyResult<&str> {
        let index = match row.extract::<usize>() {
            Err(error) if !error.is_instance_of::<PyOverflowError>(row.py()) => return Err(error),
            index => index.ok().filter(|&index| index < self.words().len()),
        };
        let Some(index) = index else {
            return Err(PyIndexError::new_err(format!("row {row} of {} words", self.words().len())));
        };
        Ok(self.words().text(index))
    }

    /// None also for a text with half of a surrogate pair, which no word holds.
    fn find(&self, word: &Bound<'_, PyString>) -> Option<usize> {
        self.set.find(word.to_str().ok()?.as_bytes())
    }

    fn rows_of<'py>(&self, words: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let rows = words.iter().map(|word| Ok(self.find(word.cast()?).map_or(-1, |row| row as i64)));
        Ok(PyArray1::from_vec(words.py(), rows.collect::<PyResult<_>>()?))
    }

    fn to_list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, (0..self.words().len()).map(|row| self.words().text(row)))
    }

    fn packed<'py>(&self, py: Python<'py>) -> (Bound<'py, PyBytes>, Bound<'py, PyArray1<i64>>) {
        let (text, offsets) = self.words().parts();
        (PyBytes::new(py, text.as_bytes()), PyArray1::from_slice(py, offsets))
    }

    /// For pickle and copy.
    #[allow(clippy::type_complexity)] // Python's protocol.
    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>, Bound<'py, PyArray1<i64>>))> {
        Ok((py.get_type::<Self>().getattr("from_packed")?, self.packed(py)))
    }
}

fn add(set: &mut WordSet, word: &str, row: usize) -> PyResult<()> {
    if set.insert(word) {
        return Ok(());
    }
    let first = set.find(word.as_bytes()).unwrap_or(row);
    Err(PyValueError::new_err(format!("expected each word once, got '{word}' at {first} and {row}")))
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Words>()
}
