//! The loops over one row that kernels are made of. Plain code: the compiler vectorises it at each level.

use super::blocks::RowValues;
use crate::element::Element;

/// Partial sums of a reduction, in a fixed order at every level.
const LANES: usize = 8;

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
pub(crate) fn sq_norm<T: Element>(row: &[T]) -> f64 {
    sq_norm_of(RowValues::of(row, T::ONE))
}

/// The same of a row that is still to be multiplied.
#[inline(always)]
pub(crate) fn sq_norm_of<T: Element>(RowValues { row, factor, .. }: RowValues<'_, T>) -> f64 {
    let mut lanes = [0.0; LANES];
    let chunks = row.chunks_exact(LANES);
    let tail = chunks.remainder();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            let value = (factor * *value).to_f64();
            *lane += value * value;
        }
    }
    for (lane, value) in lanes.iter_mut().zip(tail) {
        let value = (factor * *value).to_f64();
        *lane += value * value;
    }
    lanes.iter().sum()
}
