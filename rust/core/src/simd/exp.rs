//! The gates' functions on registers: the logistic function and the hyperbolic tangent.
//!
//! Both come from `exp(x) - 1 = 2^k · (1 + (exp(r) - 1)) - 1` with `k = round(x / ln 2)` and `r = x - k · ln 2`, where
//! `exp(r) - 1` is the Taylor polynomial of `DEGREE`: for `|r| <= ln(2) / 2` what it leaves out is below a quarter of a
//! unit of rounding. `ln 2` is taken off in two parts, of which the first has so few bits that `k` times it is exact
//! (Cody, Waite 1980). Results are within [`MOST_ULPS`] units in the last place of the exact ones, also where they are
//! subnormal, and infinities and NaN go where the limits lead.

use super::vector::Vector;
use crate::element::Element;

/// What the results may be off, in units in the last place of the exact result.
#[cfg(test)]
pub(crate) const MOST_ULPS: f64 = 4.0;

/// An element type with the numbers that its exponential takes.
pub trait Exponential: Element {
    /// Added to a number it leaves the nearest integer, plus the bias of exponents, in the lowest bits.
    const ROUNDING: Self;
    /// `1 / ln 2`.
    const PER_LN_2: Self;
    /// The first bits of `ln 2`.
    const LN_2_HIGH: Self;
    /// The rest of it.
    const LN_2_LOW: Self;
    /// Of the Taylor polynomial.
    const DEGREE: usize;
    /// The exponential of this and below is 0.
    const UNDERFLOW: Self;
    /// The hyperbolic tangent of half of this and below is -1.
    const SATURATION: Self;
}

impl Exponential for f32 {
    const ROUNDING: Self = 12_582_912.0 + 127.0; // 1.5 * 2^23
    const PER_LN_2: Self = std::f32::consts::LOG2_E;
    const LN_2_HIGH: Self = 355.0 / 512.0;
    const LN_2_LOW: Self = (std::f64::consts::LN_2 - 355.0 / 512.0) as Self;
    const DEGREE: usize = 7;
    const UNDERFLOW: Self = -110.0;
    const SATURATION: Self = -24.0;
}

impl Exponential for f64 {
    const ROUNDING: Self = 6_755_399_441_055_744.0 + 1023.0; // 1.5 * 2^52
    const PER_LN_2: Self = std::f64::consts::LOG2_E;
    const LN_2_HIGH: Self = 2_977_044_471.0 / 4_294_967_296.0;
    const LN_2_LOW: Self = 1.908_214_929_270_587_7e-10;
    const DEGREE: usize = 13;
    const UNDERFLOW: Self = -760.0;
    const SATURATION: Self = -50.0;
}

const fn inverse_factorials() -> [f64; 14] {
    let mut inverse = [1.0; 14];
    let mut factorial = 1.0;
    let mut n = 1;
    while n < inverse.len() {
        factorial *= n as f64;
        inverse[n] = 1.0 / factorial;
        n += 1;
    }
    inverse
}

const INVERSE_FACTORIALS: [f64; 14] = inverse_factorials();

/// `1 / (1 + exp(-x))`
#[inline(always)]
pub(crate) fn sigmoid<T: Exponential, V: Vector<T>>(x: V) -> V {
    let (zero, one) = (V::splat(T::ZERO), V::splat(T::ONE));
    let below = zero - x.larger(zero - x); // -|x|
    let (k, tail) = parts::<T, V>(below.larger(V::splat(T::UNDERFLOW)));
    // In two steps, for 2^k may be too small for a register's numbers where the result is not.
    let rounding = V::splat(T::ROUNDING);
    let half = V::splat(T::from_f64(0.5)) * k + rounding;
    let other_half = k - (half - rounding) + rounding;
    let exponential = (one + tail) * half.low_bits_as_exponent() * other_half.low_bits_as_exponent();
    let (_, numerator) = zero.larger_tagged(exponential, x, one);
    numerator / (one + exponential)
}

/// `(exp(x) - exp(-x)) / (exp(x) + exp(-x))`
#[inline(always)]
pub(crate) fn tanh<T: Exponential, V: Vector<T>>(x: V) -> V {
    let (zero, one, two) = (V::splat(T::ZERO), V::splat(T::ONE), V::splat(T::from_f64(2.0)));
    let below = zero - two * x.larger(zero - x); // -2|x|
    let (k, tail) = parts::<T, V>(below.larger(V::splat(T::SATURATION)));
    let scale = (k + V::splat(T::ROUNDING)).low_bits_as_exponent();
    let less_one = scale * tail + (scale - one); // exp(-2|x|) - 1
    let negative = less_one / (two + less_one);
    let (_, result) = zero.larger_tagged(negative, x, zero - negative);
    result
}

/// `k` and `exp(r) - 1` of a number that is not below `UNDERFLOW` and at most 0.
#[inline(always)]
fn parts<T: Exponential, V: Vector<T>>(x: V) -> (V, V) {
    let rounding = V::splat(T::ROUNDING);
    let k = x * V::splat(T::PER_LN_2) + rounding - rounding;
    let r = x - k * V::splat(T::LN_2_HIGH) - k * V::splat(T::LN_2_LOW);
    let mut rest = V::splat(T::from_f64(INVERSE_FACTORIALS[T::DEGREE]));
    for n in (2..T::DEGREE).rev() {
        rest = rest * r + V::splat(T::from_f64(INVERSE_FACTORIALS[n]));
    }
    (k, r + r * r * rest)
}
