//! Update rules, and the one loop that applies them: over the touched rows of a table, or over all rows of a dense
//! parameter.
//!
//! Each touched row's gradients are summed and the rule is applied to it in one pass; parts own disjoint rows.

mod adadelta;
mod adagrad;
mod adam;
mod norm;
mod rowwise_adagrad;
mod sgd;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use norm::{Grad, grad_sq_norm};
pub use rowwise_adagrad::RowWiseAdagrad;
pub use sgd::Sgd;

use crate::element::Element;
use crate::error::Error;
use crate::grad::{DenseGradient, Entry, Gradient, SparseGradient, scratch_len};
use crate::lookup::check_shape;
use crate::parallel::{Cuts, PART_BYTES, even_cuts, for_each_part};
use crate::rows::{Rows, RowsMut};
use crate::scratch::Workspace;
use crate::simd::blocks::RowValues;
use crate::simd::{Kernel, Level, Vector, ahead, loops, prefetch};

/// State tables that a rule can keep.
pub const MAX_STATES: usize = 2;

/// What a rule does to one row.
pub trait Rule<T: Element>: Sync {
    /// Elements that each state table keeps for a row of `dim` elements; 0 for none.
    fn state_dims(&self, dim: usize) -> [usize; MAX_STATES];

    /// Moves one row. `grad` is the row's summed gradient, to be multiplied by `grad.factor`; `rate` the row's own multiple of the learning rate.
    fn step<V: Vector<T>>(&self, weight: &mut [T], state: [&mut [T]; MAX_STATES], grad: RowValues<'_, T>, rate: T);
}

/// What holds for every rule.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a, T> {
    /// A row that never changes.
    pub padding: Option<usize>,
    /// A multiple of the learning rate for each row; rows with 0 never change, state included.
    pub row_lr: Option<&'a [T]>,
    /// Added to the gradient: so many times the weight. On touched rows only.
    pub weight_decay: T,
    /// The summed gradient is multiplied by this first: clipping's coefficient.
    pub grad_scale: T,
    /// Rows that moved are scaled back to this Euclidean length where they exceed it.
    pub max_norm: Option<f64>,
}

impl<T: Element> Options<'_, T> {
    fn check(&self, rows: usize) -> Result<(), Error> {
        if let Some(row_lr) = self.row_lr {
            check_shape("the length of row_lr", row_lr.len(), rows)?;
        }
        check_number("weight_decay", self.weight_decay.to_f64(), "a finite number >= 0", |decay| decay >= 0.0)?;
        check_number("grad_scale", self.grad_scale.to_f64(), "a finite number", |_| true)?;
        check_number("max_norm", self.max_norm.unwrap_or(1.0), "a finite number > 0", |norm| norm > 0.0)
    }

    /// Refuses a multiplier of a touched row that is no rate. Rows with 0 are not among a table's touched rows.
    fn check_rates<G: Gradient<T>>(&self, gradient: &G) -> Result<(), Error> {
        let Some(row_lr) = self.row_lr else { return Ok(()) };
        let rates = (0..gradient.len()).map(|k| (gradient.row(k), row_lr[gradient.row(k)].to_f64()));
        match rates.into_iter().find(|(_, rate)| !rate.is_finite() || *rate < 0.0) {
            Some((row, value)) => Err(Error::RowLr { row, value }),
            None => Ok(()),
        }
    }

    /// May this row change?
    #[inline(always)]
    fn keeps(&self, row: usize) -> bool {
        Some(row) != self.padding && self.row_lr.is_none_or(|row_lr| row_lr[row] != T::ZERO)
    }
}

/// A number as an element, refused where it is not finite or breaks a rule.
pub(crate) fn number<T: Element>(
    what: &'static str,
    got: f64,
    wanted: &'static str,
    holds: impl Fn(f64) -> bool,
) -> Result<T, Error> {
    let element = T::from_f64(got);
    let overflows = got.is_finite() && !element.to_f64().is_finite();
    check_number(what, if overflows { f64::INFINITY } else { got }, wanted, holds)?;
    Ok(element)
}

/// Refuses a number that is not finite or breaks a rule.
pub(crate) fn check_number(
    what: &'static str,
    got: f64,
    wanted: &'static str,
    holds: impl Fn(f64) -> bool,
) -> Result<(), Error> {
    if got.is_finite() && holds(got) { Ok(()) } else { Err(Error::Number { what, got, wanted }) }
}

/// The weight of a parameter and the state that a rule keeps beside it.
#[derive(Debug)]
pub struct Tables<'a, T> {
    weight: RowsMut<'a, T>,
    states: [RowsMut<'a, T>; MAX_STATES],
}

impl<'a, T: Element> Tables<'a, T> {
    /// Joins weight and states.
    ///
    /// # Errors
    /// If the states do not have the shapes that the rule keeps.
    pub fn new<R: Rule<T>>(
        rule: &R,
        weight: RowsMut<'a, T>,
        states: [Option<RowsMut<'a, T>>; MAX_STATES],
    ) -> Result<Self, Error> {
        let dims = rule.state_dims(weight.dim());
        let rows = weight.rows();
        let states = states.map(|state| state.unwrap_or_else(|| RowsMut::empty(rows)));
        for (state, dim) in states.iter().zip(dims) {
            check_shape("the number of rows of the state", state.rows(), rows)?;
            check_shape("the dim of the state", state.dim(), dim)?;
        }
        Ok(Self { weight, states })
    }
}

/// Updates the rows that the entries touch.
///
/// # Errors
/// If something does not fit together; nothing is written then.
pub fn update_rows<T: Element, R: Rule<T>>(
    rule: &R,
    tables: Tables<'_, T>,
    entries: &[Entry<'_, T>],
    options: &Options<'_, T>,
) -> Result<(), Error> {
    options.check(tables.weight.rows())?;
    let keep = |row| options.keeps(row);
    let level = Level::current();
    let gradient = SparseGradient::new(entries, tables.weight.rows(), tables.weight.dim(), level, keep)?;
    update(rule, tables, &gradient, level, options)
}

/// Updates all rows of a dense parameter.
///
/// # Errors
/// If something does not fit together; nothing is written then.
pub fn update_dense<T: Element, R: Rule<T>>(
    rule: &R,
    tables: Tables<'_, T>,
    grad: Rows<'_, T>,
    options: &Options<'_, T>,
) -> Result<(), Error> {
    options.check(tables.weight.rows())?;
    check_shape("the number of rows of grad", grad.rows(), tables.weight.rows())?;
    check_shape("the dim of grad", grad.dim(), tables.weight.dim())?;
    update(rule, tables, &DenseGradient { grad }, Level::current(), options)
}

/// Where to cut touched rows so that parts have about the same work, and the traffic of all of them in bytes.
pub(crate) fn row_cuts<T, G: Gradient<T>>(gradient: &G, row_bytes: usize) -> (Vec<usize>, usize) {
    let work = |k| gradient.start(k) + k;
    let row_bytes = row_bytes.max(1);
    let cuts = even_cuts(gradient.len(), PART_BYTES / row_bytes, work);
    (cuts, work(gradient.len()) * row_bytes)
}

fn update<T: Element, R: Rule<T>, G: Gradient<T>>(
    rule: &R,
    tables: Tables<'_, T>,
    gradient: &G,
    level: Level,
    options: &Options<'_, T>,
) -> Result<(), Error> {
    options.check_rates(gradient)?;
    let Tables { weight, states: [first_state, second_state] } = tables;
    if gradient.len() == 0 {
        return Ok(());
    }
    let workspace = Workspace::new(scratch_len(weight.dim()))?;
    let (cuts, bytes) = row_cuts(gradient, weight.dim() * size_of::<T>());
    // A part's rows reach from its first touched row to that of the next part; rows before the first are nobody's.
    let starts: Vec<_> = cuts.iter().map(|&k| gradient.row(k)).collect();
    for_each_part(&mut [weight, first_state, second_state], Cuts::At(&starts), bytes, |part, first_row, tables| {
        let touched = cuts[part]..cuts.get(part + 1).copied().unwrap_or(gradient.len());
        workspace.with_row(|sum| level.run(Step { rule, options, gradient, touched, first_row, sum, tables }));
    });
    Ok(())
}

struct Step<'a, T, R, G> {
    rule: &'a R,
    options: &'a Options<'a, T>,
    gradient: &'a G,
    touched: std::ops::Range<usize>,
    /// The row of the whole table with which `tables` begin.
    first_row: usize,
    sum: &'a mut [T],
    tables: [RowsMut<'a, T>; 1 + MAX_STATES],
}

impl<T: Element, R: Rule<T>, G: Gradient<T>> Kernel for Step<'_, T, R, G> {
    type Element = T;
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<T>>(self) {
        let Self { rule, options, gradient, touched, first_row, sum, tables: [mut weight, mut first, mut second] } =
            self;
        let plain = options.grad_scale == T::ONE && options.weight_decay == T::ZERO;
        let ahead = ahead((weight.dim() + first.dim() + second.dim()) * size_of::<T>());
        gradient.ask_first(touched.start);
        for k in touched.clone().take(ahead) {
            ask_row(gradient.row(k) - first_row, &weight, &first, &second);
        }
        for k in touched.clone() {
            if k + ahead < touched.end {
                ask_row(gradient.row(k + ahead) - first_row, &weight, &first, &second);
            }
            let row = gradient.row(k);
            if !G::FILTERED && !options.keeps(row) {
                continue;
            }
            let rate = options.row_lr.map_or(T::ONE, |row_lr| row_lr[row]);
            let row = row - first_row;
            let states = [first.row_mut(row), second.row_mut(row)];
            let weight = weight.row_mut(row);
            let grad = if plain {
                gradient.gradient(k, sum)
            } else {
                let sum = &mut sum[..weight.len()];
                gradient.sum(k, sum);
                loops::scale(sum, options.grad_scale);
                if options.weight_decay != T::ZERO {
                    loops::add_scaled(sum, weight, options.weight_decay);
                }
                RowValues::of(sum, T::ONE)
            };
            rule.step::<V>(weight, states, grad, rate);
            if let Some(max_norm) = options.max_norm {
                norm::project::<T, V>(weight, max_norm);
            }
        }
    }
}

/// Asks for a row of weight and states.
#[inline(always)]
fn ask_row<T>(row: usize, weight: &RowsMut<'_, T>, first: &RowsMut<'_, T>, second: &RowsMut<'_, T>) {
    prefetch(weight.row(row));
    if first.dim() > 0 {
        prefetch(first.row(row));
    }
    if second.dim() > 0 {
        prefetch(second.row(row));
    }
}
