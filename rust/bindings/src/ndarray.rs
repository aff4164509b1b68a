//! What NumPy itself is asked about its arrays.

use numpy::{PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

/// Any object as an array of NumPy's own class, or a `TypeError` that says what it is. What a subclass redefines must
/// not decide about memory, so it is seen through.
pub(crate) fn array<'py>(object: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyUntypedArray>> {
    let Ok(array) = object.cast::<PyUntypedArray>() else {
        let got = object.get_type().name().map_or_else(|_| "something else".into(), |name| name.to_string());
        return Err(PyTypeError::new_err(format!("{name} is a {got}, wanted a numpy array")));
    };
    let class = object.py().get_type::<PyUntypedArray>();
    if object.get_type().is(&class) {
        return Ok(array.clone());
    }
    Ok(class.call_method1("view", (object, &class))?.cast_into::<PyUntypedArray>()?)
}

/// The exception for a dtype that does not do.
pub(crate) fn dtype_error(array: &Bound<'_, PyUntypedArray>, name: &str, wanted: &str) -> PyErr {
    PyTypeError::new_err(format!("{name} has dtype {}, wanted {wanted}", array.dtype()))
}

/// The same numbers in C order and native byte order.
pub(crate) fn contiguous<'py>(array: &Bound<'py, PyUntypedArray>) -> PyResult<Bound<'py, PyUntypedArray>> {
    let dtype = array.dtype().call_method1("newbyteorder", ("=",))?;
    let copy = array.call_method1("astype", (dtype, "C"))?.cast_into::<PyUntypedArray>()?;
    let same = copy.shape() == array.shape() && copy.dtype().itemsize() == array.dtype().itemsize();
    assert!(same && is_native(&copy) && copy.is_c_contiguous(), "NumPy's astype gives what it was asked for");
    Ok(copy)
}

/// Whether the bytes of an element stand in the order of this machine.
pub(crate) fn is_native(array: &Bound<'_, PyUntypedArray>) -> bool {
    array.dtype().is_native_byteorder() != Some(false)
}

/// Whether two arrays have a byte in common.
pub(crate) fn shares_memory(first: &Bound<'_, PyUntypedArray>, second: &Bound<'_, PyUntypedArray>) -> PyResult<bool> {
    first.py().import("numpy")?.call_method1("shares_memory", (first, second))?.extract()
}
