//! The gradient of a table: where each occurrence of an id takes its part from, and the sum for a touched row.

use crate::bag::{Mode, Pooling, argmax, counted};
use crate::element::Element;
use crate::error::Error;
use crate::group::{Groups, Marked};
use crate::ids::{Bags, Ids};
use crate::lookup::check_shape;
use crate::rows::Rows;
use crate::scratch::Buffer;
use crate::simd::blocks::{MOST_LANES, Parts, RowValues, ScaledSum, Sum, fold_rows_and_last};
use crate::simd::{Kernel, Level, Vector, ahead, loops, prefetch};

/// One backward call on a table: checked ids, and how their gradients follow from a matrix that the caller keeps.
#[derive(Debug)]
pub struct RowGrad<T> {
    ids: Ids,
    dim: usize,
    grad_rows: usize,
    padding: Option<usize>,
    source: Source,
    scale: Scale<T>,
}

/// What parts are multiplied by.
#[derive(Debug)]
enum Scale<T> {
    /// Nothing.
    One,
    /// A factor for each row of the gradient: 1 / length of the bag.
    PerRow(Buffer<T>),
    /// A factor for each occurrence: sample weight, 1 / frequency of the id.
    PerOccurrence(Buffer<T>),
}

#[derive(Debug)]
enum Source {
    /// Occurrence `i` takes row `i`.
    PerId,
    /// Occurrence `i` takes the row of its bag.
    Bags { bag_of: Buffer<u32> },
    /// Occurrence `i` takes the elements of its bag's row for which it holds the maximum.
    Max { bag_of: Buffer<u32>, argmax: Buffer<u32> },
}

impl<T: Element> RowGrad<T> {
    /// The gradient has one row per id.
    pub fn per_id(ids: Ids, dim: usize, padding: Option<usize>) -> Self {
        let grad_rows = ids.len();
        Self { ids, dim, grad_rows, padding, source: Source::PerId, scale: Scale::One }
    }

    /// The gradient has one row per bag. For maxima, the values of `weight` now decide which id takes each element.
    ///
    /// # Errors
    /// If the pooling does not fit the bags, or there are more ids or bags than a 32-bit count holds.
    pub fn bags(bags: Bags, weight: Rows<'_, T>, pooling: &Pooling<'_, T>) -> Result<Self, Error> {
        pooling.check(&bags, weight)?;
        let grad_rows = bags.len();
        let most = grad_rows.max(bags.ids().len());
        if u32::try_from(most).is_err() {
            return Err(Error::TooManyIds { got: most });
        }
        let padding = pooling.padding;
        let mut bag_of = Buffer::of_len(bags.ids().len())?;
        for (bag, range) in bags.starts().windows(2).enumerate() {
            bag_of[range[0]..range[1]].fill(bag as u32);
        }
        let mut scale = Scale::One;
        let source = match pooling.mode {
            Mode::Sum => {
                if let Some(weights) = pooling.sample_weights {
                    let mut factors = Buffer::of_len(weights.len())?;
                    factors.copy_from_slice(weights);
                    scale = Scale::PerOccurrence(factors);
                }
                Source::Bags { bag_of }
            }
            Mode::Mean => {
                scale = Scale::PerRow(mean_scale(&bags, padding)?);
                Source::Bags { bag_of }
            }
            Mode::Max => Source::Max { bag_of, argmax: argmax(&bags, weight, padding)? },
        };
        Ok(Self { ids: bags.into_ids(), dim: weight.dim(), grad_rows, padding, source, scale })
    }

    /// Divides each occurrence's part by the number of times its id occurs here.
    ///
    /// # Errors
    /// For maxima, and if there are more ids than a 32-bit count holds.
    pub fn scaled_by_frequency(mut self) -> Result<Self, Error> {
        if matches!(self.source, Source::Max { .. }) {
            return Err(Error::FrequencyOfMax);
        }
        let groups = Groups::new(&[Marked::by_position(&self.ids)], |row| Some(row) != self.padding)?;
        let mut scale = Buffer::of_len(self.ids.len())?;
        for (i, factor) in scale.iter_mut().enumerate() {
            *factor = self.factor(i);
        }
        for k in 0..groups.rows().len() {
            let positions = groups.marks(k);
            let count = T::from_f64(positions.len() as f64);
            for &position in positions {
                scale[position as usize] = scale[position as usize] / count;
            }
        }
        self.scale = Scale::PerOccurrence(scale);
        Ok(self)
    }

    /// The row of the gradient that occurrence `i` takes from.
    #[inline(always)]
    fn grad_row(&self, i: usize) -> usize {
        match &self.source {
            Source::PerId => i,
            Source::Bags { bag_of } | Source::Max { bag_of, .. } => bag_of[i] as usize,
        }
    }

    /// What it is multiplied by.
    #[inline(always)]
    fn factor(&self, i: usize) -> T {
        match &self.scale {
            Scale::One => T::ONE,
            Scale::PerRow(factors) => factors[self.grad_row(i)],
            Scale::PerOccurrence(factors) => factors[i],
        }
    }

    /// Is the part of an occurrence all said by the row of the gradient that it takes from?
    fn follows_row(&self) -> bool {
        !matches!(self.source, Source::Max { .. }) && !matches!(self.scale, Scale::PerOccurrence(_))
    }

    /// Number of ids, padding included.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// No ids at all?
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The shape that the gradient matrix must have.
    pub fn grad_shape(&self) -> (usize, usize) {
        (self.grad_rows, self.dim)
    }
}

/// `1 / (ids of the bag that are not padding)` for each bag.
fn mean_scale<T: Element>(bags: &Bags, padding: Option<usize>) -> Result<Buffer<T>, Error> {
    let mut scale = Buffer::of_len(bags.len())?;
    for (bag, factor) in scale.iter_mut().enumerate() {
        *factor = T::ONE / T::from_f64(counted(bags, bag, padding) as f64);
    }
    Ok(scale)
}

/// A `RowGrad` with the matrix that it refers to.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a, T> {
    route: &'a RowGrad<T>,
    grad: Rows<'a, T>,
}

impl<'a, T: Element> Entry<'a, T> {
    /// Joins the two.
    ///
    /// # Errors
    /// If the matrix has another shape than the ids or bags imply.
    pub fn new(route: &'a RowGrad<T>, grad: Rows<'a, T>) -> Result<Self, Error> {
        check_shape("the number of rows of grad", grad.rows(), route.grad_rows)?;
        check_shape("the dim of grad", grad.dim(), route.dim)?;
        Ok(Self { route, grad })
    }

    /// `sum += ` the part of occurrence `i`: for maxima, the elements for which it holds the maximum.
    #[inline(always)]
    fn add_to(&self, i: usize, sum: &mut [T]) {
        let Source::Max { bag_of, argmax } = &self.route.source else {
            return loops::add_scaled(sum, self.grad.row(self.route.grad_row(i)), self.route.factor(i));
        };
        let first = bag_of[i] as usize * self.route.dim;
        let holders = &argmax[first..first + self.route.dim];
        for ((sum, &value), &holder) in sum.iter_mut().zip(self.grad.row(bag_of[i] as usize)).zip(holders) {
            *sum += if holder == i as u32 { value } else { T::ZERO };
        }
    }
}

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
