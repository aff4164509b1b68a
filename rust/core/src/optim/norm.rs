//! Norms: of a whole gradient, for clipping, and of single rows, for `max_norm`.

use super::{Options, row_cuts};
use crate::element::Element;
use crate::error::Error;
use crate::grad::{DenseGradient, Entry, Gradient, SparseGradient, scratch_len};
use crate::lookup::check_shape;
use crate::parallel::{Cuts, for_each_part};
use crate::rows::{Rows, RowsMut};
use crate::scratch::{Buffer, Workspace};
use crate::simd::{Kernel, Level, Vector, loops};

/// torch's guard against a division by zero, also where the norm is far from it.
const GUARD: f64 = 1e-7;

/// Scales a row back to Euclidean length `max_norm` where it exceeds it: `w *= max_norm / (‖w‖ + 1e-7)`.
#[inline(always)]
pub(super) fn project<T: Element, V: Vector<T>>(row: &mut [T], max_norm: f64) {
    let norm = loops::sq_norm::<T, V>(row).sqrt();
    if norm > max_norm {
        loops::scale(row, T::from_f64(max_norm / (norm + GUARD)));
    }
}

/// The gradient whose norm is wanted.
#[derive(Clone, Copy, Debug)]
pub enum Grad<'a, T> {
    /// The entries of a table.
    Rows(&'a [Entry<'a, T>]),
    /// The gradient of a dense parameter.
    Dense(Rows<'a, T>),
}

/// Sum of squares, in double precision, of a gradient after repeated ids are summed. Rows that never change do not
/// count: padding, and those with multiplier 0 in `row_lr`.
///
/// # Errors
/// If something does not fit together.
pub fn grad_sq_norm<T: Element>(
    grad: Grad<'_, T>,
    rows: usize,
    dim: usize,
    options: &Options<'_, T>,
) -> Result<f64, Error> {
    options.check(rows)?;
    let level = Level::current();
    match grad {
        Grad::Rows(entries) => {
            let gradient = SparseGradient::new(entries, rows, dim, level, |row| options.keeps(row))?;
            options.check_rates(&gradient)?;
            sq_norm(&gradient, dim, level, options)
        }
        Grad::Dense(grad) => {
            check_shape("the number of rows of grad", grad.rows(), rows)?;
            check_shape("the dim of grad", grad.dim(), dim)?;
            sq_norm(&DenseGradient { grad }, dim, level, options)
        }
    }
}

fn sq_norm<T: Element, G: Gradient<T>>(
    gradient: &G,
    dim: usize,
    level: Level,
    options: &Options<'_, T>,
) -> Result<f64, Error> {
    let mut norms = Buffer::<f64>::of_len(gradient.len())?;
    let workspace = Workspace::new(scratch_len(dim))?;
    let (cuts, bytes) = row_cuts(gradient, dim * size_of::<T>());
    let mut tables = [RowsMut::new(&mut norms, gradient.len(), 1)];
    for_each_part(&mut tables, Cuts::At(&cuts), bytes, |_, first, [norms]| {
        workspace.with_row(|sum| level.run(Norms { gradient, options, sum, first, norms }));
    });
    Ok(norms.iter().sum())
}

struct Norms<'a, T, G> {
    gradient: &'a G,
    options: &'a Options<'a, T>,
    sum: &'a mut [T],
    first: usize,
    norms: RowsMut<'a, f64>,
}

impl<T: Element, G: Gradient<T>> Kernel for Norms<'_, T, G> {
    type Element = T;
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<T>>(mut self) {
        self.gradient.ask_first(self.first);
        for i in 0..self.norms.rows() {
            let k = self.first + i;
            let counts = G::FILTERED || self.options.keeps(self.gradient.row(k));
            self.norms.row_mut(i)[0] =
                if counts { loops::sq_norm_of::<T, V>(self.gradient.gradient(k, self.sum)) } else { 0.0 };
        }
    }
}
