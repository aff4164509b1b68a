//! Loops over one row beside those of `blocks`.

use super::blocks::RowValues;
use super::vector::Vector;
use crate::element::Element;

/// Partial sums of a reduction, in a fixed order at every level: a multiple of every register's lanes.
const SUMS: usize = 16;

/// `sum[i] += scale * row[i]`
#[inline(always)]
pub(crate) fn add_scaled<T: Element>(sum: &mut [T], row: &[T], scale: T) {
    for (sum, &value) in sum.iter_mut().zip(row) {
        *sum += scale * value;
    }
}

/// `row[i] *= scale`
#[inline(always)]
pub(crate) fn scale<T: Element>(row: &mut [T], scale: T) {
    for value in row {
        *value = *value * scale;
    }
}

/// `row[i] /= divisor`
#[inline(always)]
pub(crate) fn divide<T: Element>(row: &mut [T], divisor: T) {
    for value in row {
        *value = *value / divisor;
    }
}

/// Sum of squares in double precision.
#[inline(always)]
pub(crate) fn sq_norm<T: Element, V: Vector<T>>(row: &[T]) -> f64 {
    sq_norm_of::<T, V>(RowValues::of(row, T::ONE))
}

/// The same of a row that is still to be multiplied.
#[inline(always)]
pub(crate) fn sq_norm_of<T: Element, V: Vector<T>>(RowValues { row, factor, .. }: RowValues<'_, T>) -> f64 {
    let registers = SUMS / V::LANES;
    let mut sums = [V::no_sums(); SUMS];
    let (chunks, tail) = row.split_at(row.len() - row.len() % SUMS);
    for chunk in chunks.chunks_exact(SUMS) {
        for r in 0..registers {
            // SAFETY: so many registers make a chunk.
            let values = unsafe { V::load(chunk, r * V::LANES) };
            sums[r] = (V::splat(factor) * values).add_squares(sums[r]);
        }
    }
    let mut totals = [0.0; SUMS];
    for r in 0..registers {
        V::each_sum(sums[r], |lane, sum| totals[r * V::LANES + lane] = sum);
    }
    for (total, value) in totals.iter_mut().zip(tail) {
        let value = (factor * *value).to_f64();
        *total += value * value;
    }
    let mut width = SUMS;
    while width > 1 {
        width /= 2;
        for i in 0..width {
            totals[i] += totals[i + width];
        }
    }
    totals[0]
}
