//! The gates' functions on registers: the logistic function and the hyperbolic tangent.
//!
//! Both come from `exp(x) - 1 = 2^k · (1 + (exp(r) - 1)) - 1` with `k = round(x / ln 2)` and `r = x - k · ln 2`, where
//! `exp(r) - 1` is the Taylor polynomial of `DEGREE`: for `|r| <= ln(2) / 2` what it leaves out is below a quarter of a
//! unit of rounding. `ln 2` is taken off in two parts, of which the first has so few bits that `k` times it is exact
//! (Cody, Waite 1980). Results are within 4 units in the last place of the exact ones, also where they are
//! subnormal; infinities go where the limits lead, and NaN stays NaN.

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
    /// Of the Taylor polynomial, odd.
    const DEGREE: usize;
    /// The exponential of this and below is 0.
    const UNDERFLOW: Self;
    /// Added to `k` it gives a power of two that has an exponent even where the exponential is subnormal.
    const RAISE: Self;
    /// `2^-RAISE`
    const LOWER: Self;
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
    const RAISE: Self = 64.0;
    const LOWER: Self = Self::from_bits((127 - 64) << 23);
    const SATURATION: Self = -24.0;
}

impl Exponential for f64 {
    const ROUNDING: Self = 6_755_399_441_055_744.0 + 1023.0; // 1.5 * 2^52
    const PER_LN_2: Self = std::f64::consts::LOG2_E;
    const LN_2_HIGH: Self = 2_977_044_471.0 / 4_294_967_296.0;
    const LN_2_LOW: Self = 1.908_214_929_270_587_7e-10;
    const DEGREE: usize = 13;
    const UNDERFLOW: Self = -760.0;
    const RAISE: Self = 512.0;
    const LOWER: Self = Self::from_bits((1023 - 512) << 52);
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
    let [one, minus_one] = [1.0, -1.0].map(|value| V::splat(T::from_f64(value)));
    let below = x.with_sign_of(minus_one); // -|x|
    let (power, tail) = parts::<T, V>(below.at_least(V::splat(T::UNDERFLOW)));
    let scale = (power + V::splat(T::RAISE)).low_bits_as_exponent();
    let exponential = (one + tail) * scale * V::splat(T::LOWER); // rounded once, by the last product
    x.if_positive(one, exponential) / (one + exponential)
}

/// `(exp(x) - exp(-x)) / (exp(x) + exp(-x))`
#[inline(always)]
pub(crate) fn tanh<T: Exponential, V: Vector<T>>(x: V) -> V {
    let [one, two, minus_one] = [1.0, 2.0, -1.0].map(|value| V::splat(T::from_f64(value)));
    let below = (two * x).with_sign_of(minus_one); // -2|x|
    let (power, tail) = parts::<T, V>(below.at_least(V::splat(T::SATURATION)));
    let scale = power.low_bits_as_exponent();
    let less_one = scale * tail + (scale - one); // exp(-2|x|) - 1
    (less_one / (two + less_one)).with_sign_of(x)
}

/// `k`, plus the bias of exponents in the lowest bits, and `exp(r) - 1` of a number that is at most 0 and not below
/// `UNDERFLOW`.
#[inline(always)]
fn parts<T: Exponential, V: Vector<T>>(x: V) -> (V, V) {
    let rounding = V::splat(T::ROUNDING);
    let power = x * V::splat(T::PER_LN_2) + rounding;
    let k = power - rounding;
    let r = x - k * V::splat(T::LN_2_HIGH) - k * V::splat(T::LN_2_LOW);
    // Terms in pairs: half as many steps wait for the one before, which for f64 and AVX-512 takes a fifth less time.
    let square = r * r;
    let mut rest = pair::<T, V>(T::DEGREE - 1, r);
    for n in (2..T::DEGREE - 1).step_by(2).rev() {
        rest = rest * square + pair::<T, V>(n, r);
    }
    (power, r + square * rest)
}

/// `1 / n! + r / (n + 1)!`
#[inline(always)]
fn pair<T: Exponential, V: Vector<T>>(n: usize, r: V) -> V {
    let [even, odd] = [n, n + 1].map(|n| V::splat(T::from_f64(INVERSE_FACTORIALS[n])));
    even + odd * r
}
