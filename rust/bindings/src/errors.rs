//! Core error → Python exception.

use finevec_core::Error;
use finevec_core::formats::FormatError;
use pyo3::PyErr;
use pyo3::exceptions::{PyIndexError, PyKeyboardInterrupt, PyMemoryError, PyOSError, PyValueError};

/// The exception for a core error: `IndexError` for a bad id, `MemoryError` where there is none, `ValueError` for the rest.
pub(crate) fn to_python(error: &Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::IdOutOfRange { .. } | Error::IdOutsideAnyTable { .. } => PyIndexError::new_err(text),
        Error::Memory { .. } => PyMemoryError::new_err(text),
        Error::Format(error) => of_file(error),
        _ => PyValueError::new_err(text),
    }
}

/// The exception for a failure with a file: the `OSError` that Python's own `open` would raise, else `ValueError`.
pub(crate) fn of_file(error: &FormatError) -> PyErr {
    match error {
        FormatError::Io { path, source } => match source.raw_os_error() {
            Some(number) => {
                let text = source.to_string();
                let text = text.split(" (os error").next().unwrap_or_default().to_owned();
                PyOSError::new_err((number, text, path.as_os_str().to_owned()))
            }
            None => PyErr::from(std::io::Error::new(source.kind(), error.to_string())),
        },
        FormatError::Memory { .. } => PyMemoryError::new_err(error.to_string()),
        FormatError::Interrupted => PyKeyboardInterrupt::new_err(()),
        _ => PyValueError::new_err(error.to_string()),
    }
}
