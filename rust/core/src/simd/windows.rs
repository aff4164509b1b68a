//! The largest of some sums of rows, column by column, and which sum it was.

use super::blocks::MOST_LANES;
use super::vector::{Lanes, Vector};
use crate::element::Element;

/// Sums of rows.
pub(crate) trait RowSums<T: 'static> {
    /// Their number.
    fn len(&self) -> usize;

    /// The rows that the `n`-th one adds up, in order; at least one.
    fn rows(&self, n: usize) -> impl Iterator<Item = &[T]>;
}

/// `best` = the largest sum of each column, and `number` = which one it was, the first of equals. A NaN is larger than
/// any number; without sums `best` is -∞.
///
/// Numbers are exact up to 2**24.
#[inline(always)]
pub(crate) fn largest_sum<T: Element, V: Vector<T>>(best: &mut [T], number: &mut [T], sums: &impl RowSums<T>) {
    let mut from = 0;
    while from < best.len() {
        from += if best.len() < V::LANES {
            largest_panel::<T, Lanes<T, 1>, 4>(best, number, from, sums)
        } else {
            match (best.len() - from).div_ceil(V::LANES) {
                3.. => largest_panel::<T, V, 4>(best, number, from, sums),
                2.. => largest_panel::<T, V, 2>(best, number, from, sums),
                _ => largest_panel::<T, V, 1>(best, number, from, sums),
            }
        };
    }
}

/// Finds the largest sums in the columns of so many registers, and returns the number of columns.
#[inline(always)]
fn largest_panel<T: Element, V: Vector<T>, const REGISTERS: usize>(
    best: &mut [T],
    number: &mut [T],
    from: usize,
    sums: &impl RowSums<T>,
) -> usize {
    assert!(best.len() >= V::LANES, "rows shorter than a register take narrower ones");
    assert_eq!(best.len(), number.len(), "a number for each column");
    const { assert!(V::LANES <= MOST_LANES) };
    let last_start = best.len() - V::LANES;
    let starts: [usize; REGISTERS] = std::array::from_fn(|r| (from + r * V::LANES).min(last_start));
    let mut largest = [V::splat(T::NEG_INFINITY); REGISTERS];
    let mut numbers = [V::splat(T::ZERO); REGISTERS];
    for n in 0..sums.len() {
        let mut rows = sums.rows(n);
        let Some(first) = rows.next() else { continue };
        assert_eq!(first.len(), best.len(), "rows of one dim");
        // SAFETY: no register starts after the last one, which ends with the row.
        let mut sum: [V; REGISTERS] = std::array::from_fn(|r| unsafe { V::load(first, starts[r]) });
        for row in rows {
            assert_eq!(row.len(), best.len(), "rows of one dim");
            for r in 0..REGISTERS {
                // SAFETY: as above.
                sum[r] = sum[r] + unsafe { V::load(row, starts[r]) };
            }
        }
        let tag = V::splat(T::from_f64(n as f64));
        for r in 0..REGISTERS {
            (largest[r], numbers[r]) = largest[r].larger_tagged(numbers[r], sum[r], tag);
        }
    }
    for r in 0..REGISTERS {
        // SAFETY: as above; both rows are as long.
        unsafe {
            largest[r].store(best, starts[r]);
            numbers[r].store(number, starts[r]);
        }
    }
    REGISTERS * V::LANES
}
