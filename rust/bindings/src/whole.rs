//! Whole numbers of any size, so that one that is too large is out of its range and not an overflow.

use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;

/// A Python integer; beyond 128 bits, the nearest number of 128 bits.
#[derive(Clone, Copy)]
pub(crate) struct Whole(pub(crate) i128);

impl Whole {
    /// The nearest number of 64 bits.
    pub(crate) fn to_i64(self) -> i64 {
        self.0.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Whole {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        match object.extract::<i128>() {
            Ok(number) => Ok(Self(number)),
            Err(error) if error.is_instance_of::<PyOverflowError>(object.py()) => {
                Ok(Self(if object.lt(0)? { i128::MIN } else { i128::MAX }))
            }
            Err(error) => Err(error),
        }
    }
}
