//! The element types of tables, and code that is the same for each.

use numpy::{PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;

/// The element type of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dtype {
    F32,
    F64,
}

/// Runs the same code for either element type.
macro_rules! by_dtype {
    ($dtype:expr, $type:ident => $body:expr) => {
        match $dtype {
            $crate::dtype::Dtype::F32 => {
                type $type = f32;
                $body
            }
            $crate::dtype::Dtype::F64 => {
                type $type = f64;
                $body
            }
        }
    };
}
pub(crate) use by_dtype;

impl Dtype {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::F64 => "float64",
        }
    }

    pub(crate) fn bytes(self) -> usize {
        by_dtype!(self, T => size_of::<T>())
    }

    /// The element type of an array in any byte order, or None where it is neither.
    pub(crate) fn of(array: &Bound<'_, PyUntypedArray>) -> Option<Self> {
        let dtype = array.dtype();
        match (dtype.kind(), dtype.itemsize()) {
            (b'f', 4) => Some(Self::F32),
            (b'f', 8) => Some(Self::F64),
            _ => None,
        }
    }
}
