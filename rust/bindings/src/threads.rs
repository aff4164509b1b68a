//! Threads, instruction sets and scratch memory.

use finevec_core::{parallel, scratch, simd::Level};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors;
use crate::whole::Whole;

#[pyfunction]
fn set_num_threads(n: Whole) -> PyResult<()> {
    parallel::set_num_threads(n.0).map_err(|error| errors::to_python(&error))
}

#[pyfunction]
fn get_num_threads() -> usize {
    parallel::num_threads()
}

#[pyfunction]
fn empty_cache() {
    scratch::empty_cache();
}

#[pyfunction]
fn simd_levels() -> Vec<&'static str> {
    Level::available().into_iter().map(Level::name).collect()
}

#[pyfunction]
fn get_simd_level() -> &'static str {
    Level::current().name()
}

#[pyfunction]
fn set_simd_level(level: &str) -> PyResult<()> {
    let available = Level::available();
    let found = available.iter().find(|available| available.name() == level);
    let wanted = || available.iter().map(|level| level.name()).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| PyValueError::new_err(format!("level is {level:?}, wanted one of {}", wanted())))?.force();
    Ok(())
}

/// Takes the number of threads from the environment, once, at import.
fn read_environment() -> PyResult<()> {
    let Ok(text) = std::env::var("FINEVEC_NUM_THREADS") else { return Ok(()) };
    let threads = text.trim().parse().unwrap_or(0);
    parallel::set_num_threads(threads).map_err(|_| {
        let most = parallel::MAX_THREADS;
        PyValueError::new_err(format!("FINEVEC_NUM_THREADS is {text:?}, wanted a whole number from 1 to {most}"))
    })
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    parallel::watch_forks();
    read_environment()?;
    module.add_function(wrap_pyfunction!(set_num_threads, module)?)?;
    module.add_function(wrap_pyfunction!(get_num_threads, module)?)?;
    module.add_function(wrap_pyfunction!(empty_cache, module)?)?;
    module.add_function(wrap_pyfunction!(simd_levels, module)?)?;
    module.add_function(wrap_pyfunction!(get_simd_level, module)?)?;
    module.add_function(wrap_pyfunction!(set_simd_level, module)?)
}
