//! Sum, mean and maximum over bags of rows.
//!
//! Long bags are cut every `SEGMENT` ids: the segments are pooled apart and their results joined in order, so that
//! several threads can share one bag and the bits depend on the data alone.

use crate::element::Element;
use crate::error::Error;
use crate::ids::{Bags, Id, with_ids};
use crate::lookup::check_shape;
use crate::parallel::{Cuts, PART_BYTES, even_cuts, for_each_part};
use crate::rows::{Rows, RowsMut};
use crate::scratch::{Buffer, Workspace};
use crate::simd::blocks::{Max, Parts, ScaledSum, Sum, fold_rows};
use crate::simd::vector::displaces;
use crate::simd::{Kernel, Level, Vector, ahead, loops, prefetch};

/// Ids of a bag that are pooled in one go: a megabyte of rows of 256 bytes.
pub(crate) const SEGMENT: usize = 4096;

/// The position that stands for no id in the result of `argmax`.
pub(crate) const NO_POSITION: u32 = u32::MAX;

/// How the rows of a bag become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Their sum.
    Sum,
    /// Their sum over their number.
    Mean,
    /// The largest of each column; NaN if there is one.
    Max,
}

/// What to do with the rows of a bag.
#[derive(Clone, Copy, Debug)]
pub struct Pooling<'a, T> {
    /// How they become one.
    pub mode: Mode,
    /// A factor for each id, for sums only.
    pub sample_weights: Option<&'a [T]>,
    /// A row that counts as absent.
    pub padding: Option<usize>,
}

impl<T: Element> Pooling<'_, T> {
    pub(crate) fn check(&self, bags: &Bags, weight: Rows<'_, T>) -> Result<(), Error> {
        bags.ids().expect_rows(weight.rows())?;
        if let Some(weights) = self.sample_weights {
            check_shape("the length of per_sample_weights", weights.len(), bags.ids().len())?;
            if self.mode != Mode::Sum {
                return Err(Error::SampleWeights);
            }
        }
        Ok(())
    }
}

/// `out[b]` = the pooled rows of bag `b`; zeros for an empty bag.
///
/// # Errors
/// If the shapes do not fit together; nothing is written then.
pub fn embedding_bag<T: Element>(
    bags: &Bags,
    weight: Rows<'_, T>,
    pooling: &Pooling<'_, T>,
    out: RowsMut<'_, T>,
) -> Result<(), Error> {
    pooling.check(bags, weight)?;
    check_shape("the number of rows of out", out.rows(), bags.len())?;
    check_shape("the dim of out", out.dim(), weight.dim())?;
    let level = Level::current();
    let row_bytes = (weight.dim() * size_of::<T>()).max(1);
    let starts = bags.starts();
    let cuts = even_cuts(bags.len(), PART_BYTES / row_bytes, |bag| starts[bag] + bag);
    let bytes = (bags.ids().len() + bags.len()) * row_bytes;
    let pool = |starts: &[usize], whole: bool, out: RowsMut<'_, T>| {
        with_ids!(bags.ids(), |ids| level.run(Pool { ids, starts, weight, pooling, whole, out }));
    };
    let longest = starts.windows(2).map(|range| range[1] - range[0]).max().unwrap_or(0);
    let most_segments = if longest > SEGMENT { longest.div_ceil(SEGMENT) } else { 0 };
    let mut partial = Buffer::of_len(most_segments.saturating_mul(weight.dim()))?;
    let mut tables = [out];
    for_each_part(&mut tables, Cuts::At(&cuts), bytes, |_, first, [out]| {
        pool(&starts[first..=first + out.rows()], true, out);
    });
    let [mut out] = tables;
    for (bag, range) in starts.windows(2).enumerate().filter(|(_, range)| range[1] - range[0] > SEGMENT) {
        let segments: Vec<_> = (range[0]..range[1]).step_by(SEGMENT).chain([range[1]]).collect();
        let partial = &mut partial[..(segments.len() - 1) * weight.dim()];
        let mut tables = [RowsMut::new(partial, segments.len() - 1, weight.dim())];
        for_each_part(&mut tables, Cuts::Every(1), (range[1] - range[0]) * row_bytes, |segment, _, [out]| {
            pool(&segments[segment..segment + 2], false, out);
        });
        let partial = Rows::new(partial, segments.len() - 1, weight.dim());
        let row = out.row_mut(bag);
        level.run(Join { partial, mode: pooling.mode, row });
        finish(row, pooling.mode, counted(bags, bag, pooling.padding));
    }
    Ok(())
}

/// Ids of a bag that are not padding.
pub(crate) fn counted(bags: &Bags, bag: usize, padding: Option<usize>) -> usize {
    let range = bags.starts()[bag]..bags.starts()[bag + 1];
    with_ids!(bags.ids(), |ids| ids[range].iter().filter(|id| Some(id.row()) != padding).count())
}

/// Folds rows into one.
#[inline(always)]
fn fold<T: Element, V: Vector<T>>(pooled: &mut [T], mode: Mode, parts: &impl Parts<T>) {
    match mode {
        Mode::Sum | Mode::Mean => fold_rows::<T, V, Sum>(pooled, parts),
        Mode::Max => fold_rows::<T, V, Max>(pooled, parts),
    }
}

/// All rows are in.
#[inline(always)]
fn finish<T: Element>(pooled: &mut [T], mode: Mode, counted: usize) {
    match mode {
        _ if counted == 0 => pooled.fill(T::ZERO),
        Mode::Mean => loops::divide(pooled, T::from_f64(counted as f64)),
        Mode::Sum | Mode::Max => {}
    }
}

struct Pool<'a, T, I> {
    ids: &'a [I],
    /// Where the bags (or segments of one) start, and where the last one ends.
    starts: &'a [usize],
    weight: Rows<'a, T>,
    pooling: &'a Pooling<'a, T>,
    /// Bags rather than segments: long ones are left to their segments, and means are divided.
    whole: bool,
    out: RowsMut<'a, T>,
}

impl<T: Element, I: Id> Kernel for Pool<'_, T, I> {
    type Element = T;
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<T>>(mut self) {
        let Pooling { mode, sample_weights, padding } = *self.pooling;
        let ahead = ahead(self.weight.dim() * size_of::<T>());
        for id in self.ids[self.starts[0]..].iter().take(ahead) {
            prefetch(self.weight.row(id.row()));
        }
        for (b, range) in self.starts.windows(2).enumerate() {
            let range = range[0]..range[1];
            if self.whole && range.len() > SEGMENT {
                continue;
            }
            let ids = &self.ids[range.clone()];
            let later = self.ids.get(range.start + ahead..).unwrap_or_default();
            let sample_weights = sample_weights.map(|weights| &weights[range.clone()]);
            let bag = BagRows { ids, later, weight: self.weight, padding, sample_weights };
            let pooled = self.out.row_mut(b);
            match sample_weights {
                Some(_) => fold_rows::<T, V, ScaledSum>(pooled, &bag),
                None => fold::<T, V>(pooled, mode, &bag),
            }
            if self.whole {
                let counted = padding.map_or(ids.len(), |padding| ids.iter().filter(|id| id.row() != padding).count());
                finish(pooled, mode, counted);
            }
        }
    }
}

/// The rows of one bag.
struct BagRows<'a, T, I> {
    ids: &'a [I],
    /// The ids that stand some way ahead of `ids`, in this bag or later ones: their rows are asked for.
    later: &'a [I],
    weight: Rows<'a, T>,
    padding: Option<usize>,
    sample_weights: Option<&'a [T]>,
}

impl<T: Element, I: Id> Parts<T> for BagRows<'_, T, I> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.ids.len()
    }

    #[inline(always)]
    fn ask(&self, n: usize) {
        if let Some(id) = self.later.get(n) {
            prefetch(self.weight.row(id.row()));
        }
    }

    #[inline(always)]
    fn part(&self, n: usize) -> Option<(&[T], T)> {
        let row = self.ids[n].row();
        if Some(row) == self.padding {
            return None;
        }
        Some((self.weight.row(row), self.sample_weights.map_or(T::ONE, |weights| weights[n])))
    }
}

/// Joins the segments of a long bag.
struct Join<'a, T> {
    partial: Rows<'a, T>,
    mode: Mode,
    row: &'a mut [T],
}

impl<T: Element> Kernel for Join<'_, T> {
    type Element = T;
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<T>>(self) {
        fold::<T, V>(self.row, self.mode, &AllRows(self.partial));
    }
}

struct AllRows<'a, T>(Rows<'a, T>);

impl<T: Element> Parts<T> for AllRows<'_, T> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.0.rows()
    }

    #[inline(always)]
    fn ask(&self, _n: usize) {}

    #[inline(always)]
    fn part(&self, n: usize) -> Option<(&[T], T)> {
        Some((self.0.row(n), T::ONE))
    }
}

/// For each bag and column, the position of the first id that holds the maximum; `NO_POSITION` where there is none.
/// A NaN is larger than any number.
pub(crate) fn argmax<T: Element>(
    bags: &Bags,
    weight: Rows<'_, T>,
    padding: Option<usize>,
) -> Result<Buffer<u32>, Error> {
    let dim = weight.dim();
    let level = Level::current();
    let mut holders = Buffer::of_len(bags.len().saturating_mul(dim))?;
    let workspace = Workspace::new(dim)?;
    let starts = bags.starts();
    let row_bytes = (dim * size_of::<T>()).max(1);
    let cuts = even_cuts(bags.len(), PART_BYTES / row_bytes, |bag| starts[bag] + bag);
    let bytes = bags.ids().len() * row_bytes;
    let mut tables = [RowsMut::new(&mut holders, bags.len(), dim)];
    for_each_part(&mut tables, Cuts::At(&cuts), bytes, |_, first, [holders]| {
        let starts = &starts[first..=first + holders.rows()];
        workspace.with_row(|max| {
            with_ids!(bags.ids(), |ids| level.run(ArgMax { ids, starts, weight, padding, max, holders }));
        });
    });
    Ok(holders)
}

struct ArgMax<'a, T, I> {
    ids: &'a [I],
    starts: &'a [usize],
    weight: Rows<'a, T>,
    padding: Option<usize>,
    max: &'a mut [T],
    holders: RowsMut<'a, u32>,
}

impl<T: Element, I: Id> Kernel for ArgMax<'_, T, I> {
    type Element = T;
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<T>>(mut self) {
        let ahead = ahead(self.weight.dim() * size_of::<T>());
        for (bag, range) in self.starts.windows(2).enumerate() {
            let holders = self.holders.row_mut(bag);
            holders.fill(NO_POSITION);
            for i in range[0]..range[1] {
                if let Some(id) = self.ids.get(i + ahead) {
                    prefetch(self.weight.row(id.row()));
                }
                let row = self.ids[i].row();
                if Some(row) == self.padding {
                    continue;
                }
                for ((max, holder), &value) in self.max.iter_mut().zip(holders.iter_mut()).zip(self.weight.row(row)) {
                    if *holder == NO_POSITION || displaces(value, *max) {
                        *max = value;
                        *holder = i as u32;
                    }
                }
            }
        }
    }
}
