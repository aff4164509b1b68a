//! Core error → Python exception.

use finevec_core::Error;
use pyo3::PyErr;
use pyo3::exceptions::{PyIndexError, PyMemoryError, PyValueError};

/// The exception for a core error: `IndexError` for a bad id, `MemoryError` where there is none, `ValueError` for the rest.
pub(crate) fn to_python(error: &Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::IdOutOfRange { .. } | Error::IdOutsideAnyTable { .. } => PyIndexError::new_err(text),
        Error::Memory { .. } => PyMemoryError::new_err(text),
        _ => PyValueError::new_err(text),
    }
}
