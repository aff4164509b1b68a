//! Shapes and steps of arrays: how they are told, compared and taken as rows.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// A shape as Python writes it.
pub(crate) fn shape_text(shape: &[usize]) -> String {
    match shape {
        [only] => format!("({only},)"),
        _ => format!("({})", shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// Refuses an array of another shape.
pub(crate) fn expect_shape(name: &str, got: &[usize], wanted: &[usize]) -> PyResult<()> {
    if got == wanted {
        return Ok(());
    }
    let (got, wanted) = (shape_text(got), shape_text(wanted));
    Err(PyValueError::new_err(format!("{name} has shape {got}, wanted {wanted}")))
}

/// Several axes as one: its length and step in bytes, where there is one.
pub(crate) fn collapse(shape: &[usize], strides: &[isize]) -> Option<(usize, isize)> {
    let length: usize = shape.iter().product();
    if length <= 1 {
        return Some((length, 0));
    }
    let mut axes = shape.iter().zip(strides).rev().filter(|(length, _)| **length > 1);
    let (&inner, &step) = axes.next()?;
    let mut span = inner as isize * step;
    for (&length, &stride) in axes {
        if stride != span {
            return None;
        }
        span *= length as isize;
    }
    Some((length, step))
}
