//! The sum for a touched row.

use super::{Entry, Scale, Source};
use crate::element::Element;
use crate::error::Error;
use crate::group::{Groups, Marked};
use crate::lookup::check_shape;
use crate::rows::Rows;
use crate::simd::blocks::{MOST_LANES, Parts, RowValues, ScaledSum, Sum, fold_rows_and_last};
use crate::simd::{Kernel, Level, Vector, ahead, prefetch};

/// Elements of scratch in which the gradient of a row of `dim` elements is summed.
pub(crate) fn scratch_len(dim: usize) -> usize {
    dim + MOST_LANES
}

/// The gradient of a parameter, row by row.
pub(crate) trait Gradient<T>: Sync {
    /// Are rows that must not change left out already?
    const FILTERED: bool;

    /// Number of rows that are touched.
    fn len(&self) -> usize;

    /// The `k`-th touched row. Ascending in `k`.
    fn row(&self, k: usize) -> usize;

    /// Writes its summed gradient.
    fn sum(&self, k: usize, sum: &mut [T]);

    /// Its summed gradient, in place where it needs no sum, else in scratch of `scratch_len(dim)` elements.
    fn gradient<'s>(&'s self, k: usize, scratch: &'s mut [T]) -> RowValues<'s, T>;

    /// Asks for the gradient rows that come first when touched rows are visited from the `k`-th on.
    fn ask_first(&self, k: usize);

    /// Occurrences before those of touched row `k`: what the work is cut by.
    fn start(&self, k: usize) -> usize;
}

/// All the entries of a table, grouped.
pub(crate) struct SparseGradient<'a, T> {
    entries: &'a [Entry<'a, T>],
    groups: Groups,
    /// What the groups' marks count: rows of the gradients, if that says all, else occurrences.
    marks_are_rows: bool,
    /// No maxima: every part is a row times a factor.
    linear: bool,
    /// Some factor may differ from 1.
    scaled: bool,
    /// How many occurrences ahead gradient rows are asked for.
    ahead: usize,
    /// The level of sums: that of the kernels which load them.
    level: Level,
}

impl<'a, T: Element> SparseGradient<'a, T> {
    /// Groups the entries for a table of `rows × dim`, without padding rows and those for which `keep` is false.
    pub(crate) fn new(
        entries: &'a [Entry<'a, T>],
        rows: usize,
        dim: usize,
        level: Level,
        keep: impl Fn(usize) -> bool + Sync,
    ) -> Result<Self, Error> {
        for entry in entries {
            entry.route.ids.expect_rows(rows)?;
            check_shape("the dim of the table", dim, entry.route.dim)?;
        }
        let padding = entries.first().and_then(|entry| entry.route.padding);
        if entries.iter().any(|entry| entry.route.padding != padding) {
            return Err(Error::MixedPadding);
        }
        let marks_are_rows = entries.iter().all(|entry| entry.route.follows_row());
        let lists: Vec<_> = entries
            .iter()
            .map(|entry| match &entry.route.source {
                Source::Bags { bag_of } if marks_are_rows => {
                    Marked { ids: &entry.route.ids, marks: Some(bag_of), end: entry.route.grad_rows }
                }
                _ => Marked::by_position(&entry.route.ids),
            })
            .collect();
        let groups = Groups::new(&lists, |row| Some(row) != padding && keep(row))?;
        let linear = !entries.iter().any(|entry| matches!(entry.route.source, Source::Max { .. }));
        let scaled = entries.iter().any(|entry| !matches!(entry.route.scale, Scale::One));
        Ok(Self { entries, groups, marks_are_rows, linear, scaled, ahead: ahead(dim * size_of::<T>()), level })
    }

    pub(crate) fn groups(&self) -> &Groups {
        &self.groups
    }

    /// The entry of the `n`-th occurrence, in the order of groups, and what its mark counts there.
    #[inline(always)]
    fn locate(&self, n: usize) -> (&Entry<'a, T>, usize) {
        let mut mark = self.groups.mark(n) as usize;
        for entry in &self.entries[..self.entries.len() - 1] {
            let end = if self.marks_are_rows { entry.route.grad_rows } else { entry.route.len() };
            if mark < end {
                return (entry, mark);
            }
            mark -= end;
        }
        (&self.entries[self.entries.len() - 1], mark)
    }

    #[inline(always)]
    fn occurrences(&self, k: usize) -> Occurrences<'_, T> {
        Occurrences { gradient: self, first: self.groups.start(k), end: self.groups.start(k + 1) }
    }

    /// Asks for the row of the `n`-th occurrence.
    #[inline(always)]
    fn ask(&self, n: usize) {
        if n < self.groups.occurrences() {
            let (entry, mark) = self.locate(n);
            prefetch(entry.grad.row(if self.marks_are_rows { mark } else { entry.route.grad_row(mark) }));
        }
    }

    /// The row and the factor of the `n`-th occurrence.
    #[inline(always)]
    fn part(&self, n: usize) -> (&'a [T], T) {
        let (entry, mark) = self.locate(n);
        if !self.marks_are_rows {
            return (entry.grad.row(entry.route.grad_row(mark)), entry.route.factor(mark));
        }
        let factor = match &entry.route.scale {
            Scale::PerRow(factors) => factors[mark],
            _ => T::ONE,
        };
        (entry.grad.row(mark), factor)
    }
}

/// The gradient rows of one touched row.
struct Occurrences<'a, T> {
    gradient: &'a SparseGradient<'a, T>,
    first: usize,
    end: usize,
}

impl<T: Element> Parts<T> for Occurrences<'_, T> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.end - self.first
    }

    #[inline(always)]
    fn ask(&self, n: usize) {
        self.gradient.ask(self.first + n + self.gradient.ahead);
    }

    #[inline(always)]
    fn part(&self, n: usize) -> Option<(&[T], T)> {
        Some(self.gradient.part(self.first + n))
    }
}

/// Sums the gradient rows of one touched row: a kernel of its own, so that it is not compiled into every rule.
struct SumRow<'a, T> {
    occurrences: Occurrences<'a, T>,
    sum: &'a mut [T],
    /// Gets the last register once more, at its end, if not empty.
    last: &'a mut [T],
}

impl<T: Element> Kernel for SumRow<'_, T> {
    type Element = T;
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<T>>(self) {
        let Self { occurrences, sum, last } = self;
        let gradient = occurrences.gradient;
        if !gradient.linear {
            sum.fill(T::ZERO);
            for n in occurrences.first..occurrences.end {
                gradient.ask(n + gradient.ahead);
                let (entry, i) = gradient.locate(n);
                entry.add_to(i, sum);
            }
        } else if gradient.scaled {
            fold_rows_and_last::<T, V, ScaledSum>(sum, last, &occurrences);
        } else {
            fold_rows_and_last::<T, V, Sum>(sum, last, &occurrences);
        }
    }
}

impl<T: Element> Gradient<T> for SparseGradient<'_, T> {
    const FILTERED: bool = true;

    #[inline(always)]
    fn len(&self) -> usize {
        self.groups.rows().len()
    }

    #[inline(always)]
    fn row(&self, k: usize) -> usize {
        self.groups.rows()[k]
    }

    #[inline(always)]
    fn sum(&self, k: usize, sum: &mut [T]) {
        self.level.run(SumRow { occurrences: self.occurrences(k), sum, last: &mut [] });
    }

    #[inline(always)]
    fn gradient<'s>(&'s self, k: usize, scratch: &'s mut [T]) -> RowValues<'s, T> {
        let occurrences = self.occurrences(k);
        if self.linear && occurrences.len() == 1 {
            occurrences.ask(0);
            let (row, factor) = self.part(occurrences.first);
            return RowValues::of(row, factor);
        }
        let (row, last) = scratch.split_at_mut(scratch.len() - MOST_LANES);
        if self.linear {
            self.level.run(SumRow { occurrences, sum: row, last });
            RowValues { row, last, factor: T::ONE }
        } else {
            self.level.run(SumRow { occurrences, sum: row, last: &mut [] });
            RowValues::of(row, T::ONE)
        }
    }

    #[inline(always)]
    fn ask_first(&self, k: usize) {
        let first = self.groups.start(k);
        for n in first..first + self.ahead {
            self.ask(n);
        }
    }

    fn start(&self, k: usize) -> usize {
        self.groups.start(k)
    }
}

/// The gradient of a dense parameter: every row, as it stands.
pub(crate) struct DenseGradient<'a, T> {
    pub(crate) grad: Rows<'a, T>,
}

impl<T: Element> Gradient<T> for DenseGradient<'_, T> {
    const FILTERED: bool = false;

    #[inline(always)]
    fn len(&self) -> usize {
        self.grad.rows()
    }

    #[inline(always)]
    fn row(&self, k: usize) -> usize {
        k
    }

    #[inline(always)]
    fn sum(&self, k: usize, sum: &mut [T]) {
        sum.copy_from_slice(self.grad.row(k));
    }

    #[inline(always)]
    fn gradient<'s>(&'s self, k: usize, _scratch: &'s mut [T]) -> RowValues<'s, T> {
        RowValues::of(self.grad.row(k), T::ONE)
    }

    #[inline(always)]
    fn ask_first(&self, _k: usize) {}

    fn start(&self, k: usize) -> usize {
        k
    }
}
