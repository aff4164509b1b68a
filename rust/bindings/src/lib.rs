//! `finevec._finevec`: thin functions between NumPy arrays and `finevec-core`.
//!
//! Each function opens its arrays at the door (`arrays`), calls the core with the GIL released, and maps the error.

mod arrays;
mod bag;
mod coalesce;
mod dtype;
mod errors;
mod fasttext;
mod gates;
mod grad;
mod inspect;
mod lazy;
mod lookup;
mod ndarray;
mod new_arrays;
mod ngram;
mod optim;
mod raw_words;
mod safetensors;
mod shape;
mod threads;
mod traffic;
mod vectors;
mod whole;
mod words;

use finevec_core::formats;
use pyo3::prelude::*;

/// The compiled core of finevec.
#[pymodule(gil_used = false)]
fn _finevec(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("debug_build", cfg!(debug_assertions))?;
    module.add("MAX_DIM", formats::limits::MAX_DIM)?;
    module.add("MAX_HEADER", formats::limits::MAX_HEADER)?;
    module.add("MAX_NGRAM", formats::MAX_NGRAM)?;
    threads::register(module)?;
    lookup::register(module)?;
    bag::register(module)?;
    coalesce::register(module)?;
    grad::register(module)?;
    lazy::register(module)?;
    optim::register(module)?;
    ngram::register(module)?;
    gates::register(module)?;
    words::register(module)?;
    vectors::register(module)?;
    fasttext::register(module)?;
    raw_words::register(module)?;
    safetensors::register(module)?;
    inspect::register(module)
}
