//! New arrays: on memory that the core's scratch recycles, or that costs only what is written.

use std::any::Any;

use finevec_core::Element;
use finevec_core::lazy::LazyArray;
use finevec_core::scratch::Buffer;
use numpy::PyArrayDyn;
use numpy::ndarray::ArrayView;
use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;

use crate::dtype::{Dtype, by_dtype};
use crate::errors;
use crate::shape::shape_text;

/// The owner of memory that an array was made on, dropped when the array is gone.
#[pyclass(frozen, module = "finevec._finevec")]
struct ArrayMemory {
    _owner: Box<dyn Any + Send + Sync>,
}

/// Below this many bytes NumPy's own memory is as good.
const MIN_RECYCLED_BYTES: usize = 64 << 10;

/// A new array, of zeros or of whatever an earlier output left: the call must write all of it.
pub(crate) fn output<'py>(py: Python<'py>, shape: &[usize], dtype: Dtype) -> PyResult<Bound<'py, PyAny>> {
    let bytes = shape.iter().try_fold(dtype.bytes(), |bytes, &length| bytes.checked_mul(length));
    let bytes = bytes.filter(|&bytes| isize::try_from(bytes).is_ok()).ok_or_else(|| {
        PyMemoryError::new_err(format!("an output of shape {} is larger than memory", shape_text(shape)))
    })?;
    by_dtype!(dtype, T => {
        if bytes < MIN_RECYCLED_BYTES {
            return Ok(PyArrayDyn::<T>::zeros(py, shape, false).into_any());
        }
        let mut words = Buffer::<u64>::of_len(bytes.div_ceil(size_of::<u64>())).map_err(|error| errors::to_python(&error))?;
        let start = words.as_mut_ptr().cast::<T>();
        // SAFETY: the memory holds as many initialised elements as the shape says, aligned for 64-bit words; it stays
        // where it is when its owner moves.
        unsafe { array_on(py, shape, start, words) }
    })
}

/// A new array of one value that costs memory only for the pages that are written.
pub(crate) fn lazy_full(py: Python<'_>, len: usize, value: f64, dtype: Dtype) -> PyResult<Bound<'_, PyAny>> {
    by_dtype!(dtype, T => {
        let made = py.detach(|| LazyArray::full(len, T::from_f64(value)));
        let mut values = made.map_err(|error| errors::to_python(&error))?;
        let start = values.as_mut_ptr();
        // SAFETY: there are `len` elements, all initialised, which stay where they are when their owner moves.
        unsafe { array_on(py, &[len], start, values) }
    })
}

/// An array on memory that `owner` keeps.
///
/// # Safety
/// From `start` on lie as many initialised, aligned elements as the shape says, until `owner` is dropped, and nothing
/// else reaches them.
unsafe fn array_on<'py, T: numpy::Element>(
    py: Python<'py>,
    shape: &[usize],
    start: *mut T,
    owner: impl Any + Send + Sync,
) -> PyResult<Bound<'py, PyAny>> {
    let memory = Bound::new(py, ArrayMemory { _owner: Box::new(owner) })?;
    // SAFETY: the caller vouches for the memory; the array keeps its owner as its base.
    unsafe {
        let view = ArrayView::from_shape_ptr(shape, start);
        Ok(PyArrayDyn::borrow_from_array(&view, memory.into_any()).into_any())
    }
}
