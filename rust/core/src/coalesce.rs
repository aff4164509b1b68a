//! Repeated ids → unique ids and their summed gradients.

use crate::element::Element;
use crate::error::Error;
use crate::grad::{Entry, Gradient, SparseGradient};
use crate::optim::row_cuts;
use crate::parallel::{Cuts, for_each_part};
use crate::rows::RowsMut;
use crate::simd::{Kernel, Level, Vector};

/// An entry whose ids are grouped.
pub struct Coalesced<'a, T> {
    gradient: SparseGradient<'a, T>,
    dim: usize,
}

impl<'a, T: Element> Coalesced<'a, T> {
    /// Groups the ids of entries for a table of `rows × dim`.
    ///
    /// # Errors
    /// If the entries do not fit the table.
    pub fn new(entries: &'a [Entry<'a, T>], rows: usize, dim: usize) -> Result<Self, Error> {
        Ok(Self { gradient: SparseGradient::new(entries, rows, dim, Level::current(), |_| true)?, dim })
    }

    /// The unique ids, ascending.
    pub fn ids(&self) -> &[usize] {
        self.gradient.groups().rows()
    }

    /// Writes the summed gradient of each unique id.
    ///
    /// # Panics
    /// If `sums` is not one row of `dim` for each unique id.
    pub fn sum_into(&self, sums: RowsMut<'_, T>) {
        assert_eq!((sums.rows(), sums.dim()), (self.ids().len(), self.dim), "one row for each unique id");
        let level = Level::current();
        let (cuts, bytes) = row_cuts(&self.gradient, self.dim * size_of::<T>());
        for_each_part(&mut [sums], Cuts::At(&cuts), bytes, |_, first, [sums]| {
            level.run(Sum { gradient: &self.gradient, first, sums });
        });
    }
}

struct Sum<'a, T, G> {
    gradient: &'a G,
    first: usize,
    sums: RowsMut<'a, T>,
}

impl<T: Element, G: Gradient<T>> Kernel for Sum<'_, T, G> {
    type Element = T;
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<T>>(mut self) {
        self.gradient.ask_first(self.first);
        for i in 0..self.sums.rows() {
            let sum = self.sums.row_mut(i);
            self.gradient.sum(self.first + i, sum);
        }
    }
}
