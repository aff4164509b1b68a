//! `embedding_bag`, and how bags are given.

use finevec_core::bag::{Mode, Pooling};
use finevec_core::ids::{Bags, padding_row};
use finevec_core::{Element, Error};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arrays::{Door, Integers, Table};
use crate::dtype::by_dtype;
use crate::errors;
use crate::new_arrays::output;
use crate::traffic::{Access, Pass};
use crate::whole::Whole;

/// Bags as they come from Python: 1-D ids with offsets, or 2-D ids without.
pub(crate) struct BagArguments {
    pub(crate) ids: Integers,
    offsets: Option<Integers>,
    include_last: bool,
    sample_weights: Option<Table>,
    mode: Mode,
    padding: Option<usize>,
}

/// The names of `BagArguments`.
pub(crate) struct BagObjects<'a, 'py> {
    pub(crate) offsets: Option<&'a Bound<'py, PyAny>>,
    pub(crate) sample_weights: Option<&'a Bound<'py, PyAny>>,
    pub(crate) mode: &'a str,
    pub(crate) padding_idx: Option<Whole>,
    pub(crate) include_last: bool,
}

impl BagArguments {
    pub(crate) fn open<'py>(
        door: &mut Door<'py>,
        ids: Integers,
        weight: &Table,
        objects: &BagObjects<'_, 'py>,
    ) -> PyResult<Self> {
        let mode = match objects.mode {
            "sum" => Mode::Sum,
            "mean" => Mode::Mean,
            "max" => Mode::Max,
            other => {
                let text = format!("mode is {other:?}, wanted \"sum\", \"mean\" or \"max\"");
                return Err(PyValueError::new_err(text));
            }
        };
        let wanted = if objects.offsets.is_some() { 1 } else { 2 };
        if ids.shape.len() != wanted {
            let text = format!("ids have {} axes, wanted 1 with offsets or 2 without", ids.shape.len());
            return Err(PyValueError::new_err(text));
        }
        let offsets = objects.offsets.map(|offsets| door.integers(offsets, "offsets")).transpose()?;
        if let Some(offsets) = &offsets
            && offsets.shape.len() != 1
        {
            let text = format!("offsets have {} axes, wanted 1", offsets.shape.len());
            return Err(PyValueError::new_err(text));
        }
        let open = |weights| door.input(weights, "per_sample_weights", 0, weight.dtype, &ids.shape);
        let sample_weights = objects.sample_weights.map(open).transpose()?.map(|(table, _)| table);
        let padding = resolve_padding(objects.padding_idx, weight.rows())?;
        Ok(Self { ids, offsets, include_last: objects.include_last, sample_weights, mode, padding })
    }

    /// How many bags that makes, if the offsets are right.
    pub(crate) fn count(&self) -> usize {
        match &self.offsets {
            Some(offsets) => offsets.shape[0].saturating_sub(usize::from(self.include_last)),
            None => self.ids.shape[0],
        }
    }

    pub(crate) fn bags(&self, pass: &Pass, rows: usize) -> Result<Bags, Error> {
        let ids = self.ids.ids(pass, rows)?;
        match &self.offsets {
            Some(offsets) => offsets.bags(pass, ids, self.include_last),
            None => Bags::uniform(ids, self.ids.shape[0], self.ids.shape[1]),
        }
    }

    pub(crate) fn pooling<'p, T: Element>(&self, pass: &'p Pass) -> Pooling<'p, T> {
        let sample_weights = self.sample_weights.as_ref().map(|weights| weights.slice(pass));
        Pooling { mode: self.mode, sample_weights, padding: self.padding }
    }
}

/// The row of a padding id.
pub(crate) fn resolve_padding(padding_idx: Option<Whole>, rows: usize) -> PyResult<Option<usize>> {
    padding_idx.map(|id| padding_row(id.0, rows)).transpose().map_err(|error| errors::to_python(&error))
}

#[pyfunction]
#[pyo3(signature = (
    ids, weight, offsets=None, *, mode="mean", per_sample_weights=None, padding_idx=None, include_last_offset=true,
    out=None
))]
#[expect(clippy::too_many_arguments, reason = "torch's signature")]
fn embedding_bag<'py>(
    ids: &Bound<'py, PyAny>,
    weight: &Bound<'py, PyAny>,
    offsets: Option<&Bound<'py, PyAny>>,
    mode: &str,
    per_sample_weights: Option<&Bound<'py, PyAny>>,
    padding_idx: Option<Whole>,
    include_last_offset: bool,
    out: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let mut door = Door::new(ids.py());
    let ids = door.integers(ids, "ids")?;
    let weight = door.matrix(weight, "weight", Access::Read)?;
    let objects = BagObjects {
        offsets,
        sample_weights: per_sample_weights,
        mode,
        padding_idx,
        include_last: include_last_offset,
    };
    let bags = BagArguments::open(&mut door, ids, &weight, &objects)?;
    let shape = [bags.count(), weight.dim()];
    let out = out.map_or_else(|| output(door.py(), &shape, weight.dtype), Ok)?;
    let to = door.table_like(&out, "out", 1, weight.dtype, &shape)?;
    by_dtype!(weight.dtype, T => door.pass(|pass| {
        let pooling = bags.pooling::<T>(pass);
        finevec_core::bag::embedding_bag(&bags.bags(pass, weight.rows())?, weight.view(pass), &pooling, to.view_mut(pass))
    }))?;
    Ok(out)
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(embedding_bag, module)?)
}
