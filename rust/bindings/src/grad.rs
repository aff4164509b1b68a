//! `RowGrad`: one backward call on a table.

use finevec_core::grad::{self, Entry};
use finevec_core::{Element, Error};
use numpy::PyUntypedArray;
use pyo3::prelude::*;
use pyo3::types::PySequence;

use crate::arrays::{Door, Table};
use crate::bag::{BagArguments, BagObjects, resolve_padding};
use crate::dtype::{Dtype, by_dtype};
use crate::traffic::{Access, Pass};
use crate::whole::Whole;

#[pyclass(frozen, module = "finevec._finevec")]
pub(crate) struct RowGrad {
    route: Route,
    grad: Py<PyUntypedArray>,
    shape: Vec<usize>,
}

pub(crate) enum Route {
    F32(grad::RowGrad<f32>),
    F64(grad::RowGrad<f64>),
}

/// The element types a `Route` is for.
pub(crate) trait Routed: Element {
    fn wrap(route: grad::RowGrad<Self>) -> Route;
    fn unwrap(route: &Route) -> Option<&grad::RowGrad<Self>>;
}

impl Routed for f32 {
    fn wrap(route: grad::RowGrad<Self>) -> Route {
        Route::F32(route)
    }

    fn unwrap(route: &Route) -> Option<&grad::RowGrad<Self>> {
        if let Route::F32(route) = route { Some(route) } else { None }
    }
}

impl Routed for f64 {
    fn wrap(route: grad::RowGrad<Self>) -> Route {
        Route::F64(route)
    }

    fn unwrap(route: &Route) -> Option<&grad::RowGrad<Self>> {
        if let Route::F64(route) = route { Some(route) } else { None }
    }
}

#[pymethods]
impl RowGrad {
    #[new]
    #[pyo3(signature = (
        weight, ids, grad, *, offsets=None, mode=None, per_sample_weights=None, padding_idx=None,
        include_last_offset=true, scale_grad_by_freq=false
    ))]
    #[expect(clippy::too_many_arguments, reason = "torch's names")]
    fn new<'py>(
        weight: &Bound<'py, PyAny>,
        ids: &Bound<'py, PyAny>,
        grad: &Bound<'py, PyAny>,
        offsets: Option<&Bound<'py, PyAny>>,
        mode: Option<&str>,
        per_sample_weights: Option<&Bound<'py, PyAny>>,
        padding_idx: Option<Whole>,
        include_last_offset: bool,
        scale_grad_by_freq: bool,
    ) -> PyResult<Self> {
        let mut door = Door::new(ids.py());
        let ids = door.integers(ids, "ids")?;
        let weight = door.matrix(weight, "weight", Access::Read)?;
        let (rows, dim) = (weight.rows(), weight.dim());
        let (source, shape, split) = if let Some(mode) = mode {
            let sample_weights = per_sample_weights;
            let objects = BagObjects { offsets, sample_weights, mode, padding_idx, include_last: include_last_offset };
            let bags = BagArguments::open(&mut door, ids, &weight, &objects)?;
            let shape = vec![bags.count(), dim];
            (Source::Bags(bags), shape, 1)
        } else {
            if offsets.is_some() || per_sample_weights.is_some() {
                let text =
                    "offsets and per_sample_weights are for bags, wanted mode \"sum\", \"mean\" or \"max\" with them";
                return Err(pyo3::exceptions::PyValueError::new_err(text));
            }
            let shape = [ids.shape.as_slice(), &[dim]].concat();
            let split = ids.shape.len();
            (Source::PerId(ids, resolve_padding(padding_idx, rows)?), shape, split)
        };
        let (table, grad) = door.input(grad, "grad", split, weight.dtype, &shape)?;
        let route = by_dtype!(weight.dtype, T => door.pass(|pass| {
            let route = source.route::<T>(pass, &weight)?;
            let route = if scale_grad_by_freq { route.scaled_by_frequency()? } else { route };
            Entry::new(&route, table.view(pass))?;
            Ok(T::wrap(route))
        }))?;
        Ok(Self { route, grad: grad.unbind(), shape })
    }

    #[getter]
    fn grad(&self, py: Python<'_>) -> Py<PyUntypedArray> {
        self.grad.clone_ref(py)
    }

    fn __len__(&self) -> usize {
        match &self.route {
            Route::F32(route) => route.len(),
            Route::F64(route) => route.len(),
        }
    }
}

enum Source {
    PerId(crate::arrays::Integers, Option<usize>),
    Bags(BagArguments),
}

impl Source {
    fn route<T: Element>(&self, pass: &Pass, weight: &Table) -> Result<grad::RowGrad<T>, Error> {
        match self {
            Self::PerId(ids, padding) => {
                Ok(grad::RowGrad::per_id(ids.ids(pass, weight.rows())?, weight.dim(), *padding))
            }
            Self::Bags(bags) => {
                grad::RowGrad::bags(bags.bags(pass, weight.rows())?, weight.view(pass), &bags.pooling(pass))
            }
        }
    }
}

/// The gradient of a parameter as it comes from Python.
pub(crate) enum Gradient<'py> {
    Rows(Vec<(Bound<'py, RowGrad>, Table)>),
    Dense(Table),
}

impl<'py> Gradient<'py> {
    /// Opens an array of the shape of the weight, or a sequence of `RowGrad`.
    pub(crate) fn open(
        door: &mut Door<'py>,
        grad: &Bound<'py, PyAny>,
        dtype: Dtype,
        shape: &[usize],
    ) -> PyResult<Self> {
        if grad.cast::<PyUntypedArray>().is_ok() {
            return Ok(Self::Dense(door.input(grad, "grad", 1.min(shape.len()), dtype, shape)?.0));
        }
        let entries = grad.cast::<PySequence>()?;
        let mut opened = Vec::new();
        for entry in entries.try_iter()? {
            let entry = entry?.cast_into::<RowGrad>()?;
            let inner = entry.get();
            let table =
                door.input(inner.grad.bind(entry.py()).as_any(), "grad", inner.shape.len() - 1, dtype, &inner.shape)?.0;
            opened.push((entry, table));
        }
        Ok(Self::Rows(opened))
    }

    /// What of it can cross to threads without the GIL.
    pub(crate) fn share(&self) -> Shared<'_> {
        match self {
            Self::Rows(entries) => Shared::Rows(entries.iter().map(|(entry, table)| (entry.get(), table)).collect()),
            Self::Dense(table) => Shared::Dense(table),
        }
    }
}

/// A `Gradient` without its Python objects.
pub(crate) enum Shared<'a> {
    Rows(Vec<(&'a RowGrad, &'a Table)>),
    Dense(&'a Table),
}

/// The entries of a table.
pub(crate) fn entries<'p, T: Routed>(
    shared: &[(&'p RowGrad, &'p Table)],
    pass: &'p Pass,
) -> Result<Vec<Entry<'p, T>>, Error> {
    let mismatch = || unreachable!("the door checked that grad has the dtype of its route");
    shared
        .iter()
        .map(|(entry, table)| Entry::new(T::unwrap(&entry.route).unwrap_or_else(mismatch), table.view(pass)))
        .collect()
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RowGrad>()
}
