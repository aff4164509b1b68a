//! The loops over one row that kernels are made of. Plain code: the compiler vectorises it at each level.

use crate::element::Element;

/// Partial sums of a reduction, in a fixed order at every level.
const LANES: usize = 8;

/// `sum[i] += row[i]`
#[inline(always)]
pub(crate) fn add<T: Element>(sum: &mut [T], row: &[T]) {
    for (sum, &value) in sum.iter_mut().zip(row) {
        *sum += value;
    }
}

/// `sum[i] += scale * row[i]`
#[inline(always)]
pub(crate) fn add_scaled<T: Element>(sum: &mut [T], row: &[T], scale: T) {
    for (sum, &value) in sum.iter_mut().zip(row) {
        *sum += scale * value;
    }
}

/// Rows that `add_scaled_rows` takes: enough that the sum is seldom loaded and stored, few enough for registers.
pub(crate) const AT_ONCE: usize = 4;

/// `sum[i] += scale * row[i]` for some rows, one after the other.
#[inline(always)]
pub(crate) fn add_scaled_rows<T: Element>(sum: &mut [T], parts: [(&[T], T); AT_ONCE]) {
    let [(a, a_scale), (b, b_scale), (c, c_scale), (d, d_scale)] = parts;
    for ((((sum, &a), &b), &c), &d) in sum.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        *sum = *sum + a_scale * a + b_scale * b + c_scale * c + d_scale * d;
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

/// Does `value` displace `max` as the larger one? A NaN displaces numbers, and nothing displaces the first NaN.
#[inline(always)]
#[expect(
    clippy::eq_op,
    clippy::needless_bitwise_bool,
    reason = "only NaN differs from itself; no branch in a vector loop"
)]
pub(crate) fn displaces<T: Element>(value: T, max: T) -> bool {
    (value > max) | ((value != value) & (max == max))
}

/// Sum of squares in double precision.
#[inline(always)]
pub(crate) fn sq_norm<T: Element>(row: &[T]) -> f64 {
    let mut lanes = [0.0; LANES];
    let chunks = row.chunks_exact(LANES);
    let tail = chunks.remainder();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value.to_f64() * value.to_f64();
        }
    }
    for (lane, value) in lanes.iter_mut().zip(tail) {
        *lane += value.to_f64() * value.to_f64();
    }
    lanes.iter().sum()
}
