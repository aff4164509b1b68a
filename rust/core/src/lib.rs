//! Row-sparse embedding lookup and update, without Python.
//!
//! An embedding table is a matrix of `rows × dim`. Looking ids up reads only their rows; an update reads and
//! writes only the rows that the ids of a batch touch. The caller owns all memory; the core borrows it for a call.
//!
//! One update runs `ids` (check once) → `grad` (where each occurrence's gradient comes from) → `group` (each
//! touched row once) → `optim` (the rule, row by row), cut into parts by `parallel` and compiled at several
//! instruction sets by `simd`.

pub mod bag;
pub mod coalesce;
mod element;
mod error;
pub mod formats;
pub mod gates;
pub mod grad;
mod group;
pub mod ids;
pub mod lazy;
pub mod lookup;
pub mod ngram;
pub mod optim;
pub mod parallel;
pub mod rows;
pub mod scratch;
pub mod simd;
#[cfg(test)]
mod tests;

pub use element::Element;
pub use error::Error;
pub use simd::exp::Exponential;
