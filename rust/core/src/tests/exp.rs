//! The gates' functions beside values of twice the precision.

use std::ops::{Add, Div, Mul};

use super::at_every_setting;
use super::inputs::Random;
use crate::simd::blocks::{Change, RowValues, change_rows};
use crate::simd::exp::{Exponential, MOST_ULPS, sigmoid, tanh};
use crate::simd::{Kernel, Level, Vector};

// --- the functions at every level ------------------------------------------------------------------------------------

struct Functions<'a, T> {
    sigmoids: &'a mut [T],
    tanhs: &'a mut [T],
}

impl<T: Exponential> Kernel for Functions<'_, T> {
    type Element = T;
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<T>>(self) {
        let unused = vec![T::ONE; self.tanhs.len()];
        change_rows::<T, V, 2>([self.sigmoids, self.tanhs], RowValues::of(&unused, T::ONE), &Both);
    }
}

struct Both;

impl<T: Exponential> Change<T, 2> for Both {
    #[inline(always)]
    fn change<V: Vector<T>>(&self, [x, y]: [V; 2], _: V) -> [V; 2] {
        [sigmoid::<T, V>(x), tanh::<T, V>(y)]
    }
}

/// Sigmoid and tanh of each number, the same bits at every level but for those of NaN.
fn functions<T: Exponential>(x: &[T]) -> Vec<(f64, f64)> {
    let bits = |value: &T| {
        let wide = value.to_f64();
        if wide.is_nan() { f64::NAN.to_bits() } else { wide.to_bits() }
    };
    let found = at_every_setting(|| {
        let (mut sigmoids, mut tanhs) = (x.to_vec(), x.to_vec());
        Level::current().run(Functions { sigmoids: &mut sigmoids, tanhs: &mut tanhs });
        sigmoids.iter().map(bits).zip(tanhs.iter().map(bits)).collect::<Vec<_>>()
    });
    found.into_iter().map(|(sigmoid, tanh)| (f64::from_bits(sigmoid), f64::from_bits(tanh))).collect()
}

// --- numbers of twice the precision ----------------------------------------------------------------------------------

/// The sum of two numbers, of which the second one is at most half a unit in the last place of the first: 106 bits.
#[derive(Clone, Copy)]
struct Double(f64, f64);

impl Double {
    const ONE: Self = Self(1.0, 0.0);
    const LN_2: Self = Self(std::f64::consts::LN_2, 2.319_046_813_846_299_6e-17);

    /// Of two numbers that may be of any size.
    fn sum(a: f64, b: f64) -> Self {
        let sum = a + b;
        let of_b = sum - a;
        Self(sum, (a - (sum - of_b)) + (b - of_b))
    }

    fn negative(self) -> Self {
        Self(-self.0, -self.1)
    }

    fn times_power(self, k: i32) -> Self {
        Self(self.0 * 2_f64.powi(k), self.1 * 2_f64.powi(k))
    }
}

impl Add for Double {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let (high, low) = (Self::sum(self.0, other.0), Self::sum(self.1, other.1));
        let sum = Self::sum(high.0, high.1 + low.0);
        Self::sum(sum.0, sum.1 + low.1)
    }
}

impl Mul for Double {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let high = self.0 * other.0;
        let low = self.0.mul_add(other.0, -high) + (self.0 * other.1 + self.1 * other.0);
        Self::sum(high, low)
    }
}

impl Div for Double {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        let [mut quotient, mut rest] = [Self(0.0, 0.0), self];
        for _ in 0..3 {
            let digit = Self(rest.0 / other.0, 0.0);
            quotient = quotient + digit;
            rest = rest + (digit * other).negative();
        }
        quotient
    }
}

/// `k` and `t` with `exp(x) = 2^k (1 + t)`. `t` itself has all 106 bits, however small it is.
fn exponential(x: f64) -> (i32, Double) {
    let k = (x / Double::LN_2.0).round();
    let r = Double(x, 0.0) + (Double(k, 0.0) * Double::LN_2).negative();
    let series = (2..28).rev().fold(Double::ONE, |sum, n| Double::ONE + r * sum / Double(f64::from(n), 0.0));
    (k as i32, r * series)
}

/// `1 / (1 + exp(-x))` as a number and the power of two that it is to be multiplied by.
fn exact_sigmoid(x: f64) -> (Double, i32) {
    let (k, tail) = exponential(-x.abs().min(800.0));
    let mantissa = Double::ONE + tail;
    // Below that, nothing is left of it beside 1.
    let exponential = if k < -900 { Double(0.0, 0.0) } else { mantissa.times_power(k) };
    if x > 0.0 { (Double::ONE / (Double::ONE + exponential), 0) } else { (mantissa / (Double::ONE + exponential), k) }
}

/// The hyperbolic tangent, which no power of two need be taken out of.
fn exact_tanh(x: f64) -> (Double, i32) {
    let (k, tail) = exponential(-2.0 * x.abs().min(50.0));
    let less_one = Double(2_f64.powi(k) - 1.0, 0.0) + tail.times_power(k);
    let tanh = less_one / (Double(2.0, 0.0) + less_one);
    (if x > 0.0 { tanh.negative() } else { tanh }, 0)
}

// --- how far they are apart ------------------------------------------------------------------------------------------

trait Format: Exponential {
    /// Of two numbers next to each other: the exponent of their distance less that of the numbers, and its least.
    const PLACES: (i32, i32);

    /// Any number, infinities and NaN among them.
    fn of_bits(bits: u64) -> Self;
}

impl Format for f32 {
    const PLACES: (i32, i32) = (-23, -149);

    fn of_bits(bits: u64) -> Self {
        Self::from_bits((bits >> 32) as u32)
    }
}

impl Format for f64 {
    const PLACES: (i32, i32) = (-52, -1074);

    fn of_bits(bits: u64) -> Self {
        Self::from_bits(bits)
    }
}

/// How far a number is off the exact one, in units in the last place of a `T`.
fn ulps<T: Format>(found: f64, (exact, power): (Double, i32)) -> f64 {
    if exact.0 == 0.0 {
        return if found == 0.0 { 0.0 } else { f64::INFINITY };
    }
    let exponent = (exact.0.to_bits() >> 52 & 0x7ff) as i32 - 1023;
    let unit = (exponent + T::PLACES.0).max(T::PLACES.1 - power);
    // In two steps, for neither power of two may exceed what a number holds.
    let found = found * 2_f64.powi(-power / 2) * 2_f64.powi(-power + power / 2);
    let off = ((found - exact.0) - exact.1).abs();
    off * 2_f64.powi(-unit / 2) * 2_f64.powi(-unit + unit / 2)
}

/// Numbers of all sizes, and where something changes: with the sign of either, and with their neighbours.
fn numbers<T: Format>() -> Vec<T> {
    let mut random = Random::new(7);
    let mut numbers: Vec<T> = (0..20_000).map(|_| T::of_bits(random.bits())).collect();
    for size in [1.0, 10.0, 120.0, 760.0] {
        numbers.extend(random.values::<T>(20_000).into_iter().map(|value| value * T::from_f64(size)));
    }
    let half = T::from_f64(0.5);
    for limit in [T::ZERO, T::UNDERFLOW, T::SATURATION, T::SATURATION * half, T::ONE / T::ZERO] {
        let near = T::from_f64(2_f64.powi(T::PLACES.0));
        numbers.extend([limit, limit * (T::ONE - near), limit * (T::ONE + near)]);
    }
    numbers.extend((0..=T::PLACES.1.unsigned_abs()).map(|power| T::from_f64(0.5_f64.powi(power as i32))));
    // Halfway between two multiples of ln 2 the polynomial is farthest off.
    numbers.extend((1..2_200).map(|k| T::from_f64(f64::from(k) * 0.5 * std::f64::consts::LN_2)));
    numbers.retain(|value| !value.to_f64().is_nan());
    let negative: Vec<_> = numbers.iter().map(|&value| T::ZERO - value).collect();
    numbers.extend(negative);
    numbers
}

fn units_in_the_last_place<T: Format + std::fmt::Debug>() {
    let numbers = numbers::<T>();
    for (x, (sigmoid, tanh)) in numbers.iter().zip(functions(&numbers)) {
        let wide = x.to_f64();
        for (name, found, exact) in [("sigmoid", sigmoid, exact_sigmoid(wide)), ("tanh", tanh, exact_tanh(wide))] {
            let off = ulps::<T>(found, exact);
            assert!(off <= MOST_ULPS, "{name}({x:?}) is {found:e}, {off} units off");
        }
    }
}

#[test]
fn f32_functions_are_within_their_bound() {
    units_in_the_last_place::<f32>();
}

#[test]
fn f64_functions_are_within_their_bound() {
    units_in_the_last_place::<f64>();
}

fn limits<T: Format>() {
    let infinity = T::ONE / T::ZERO;
    // As many as fill a register and begin another, so that each number comes in both.
    for lanes in [1, 17] {
        let each = [T::ZERO, infinity, T::NEG_INFINITY, infinity * T::ZERO].map(|x| vec![x; lanes]).concat();
        for (at, (sigmoid, tanh)) in functions(&each).into_iter().enumerate() {
            match at / lanes {
                0 => assert_eq!((sigmoid, tanh.to_bits()), (0.5, 0)),
                1 => assert_eq!((sigmoid, tanh), (1.0, 1.0)),
                2 => assert_eq!((sigmoid.to_bits(), tanh), (0, -1.0)),
                _ => assert!(sigmoid.is_nan() && tanh.is_nan()),
            }
        }
        let odd = functions(&vec![T::ZERO.with_sign_of(T::NEG_INFINITY); lanes]);
        assert!(odd.iter().all(|(sigmoid, tanh)| *sigmoid == 0.5 && tanh.to_bits() == (-0.0_f64).to_bits()));
    }
}

#[test]
fn infinities_zeros_and_nan_go_where_the_limits_lead() {
    limits::<f32>();
    limits::<f64>();
}

#[test]
fn results_fall_to_the_smallest_number_and_then_to_zero() {
    let (f32s, f64s) = (functions(&[-103.0_f32, -104.5]), functions(&[-744.5_f64, -745.5]));
    assert_eq!((f32s[0].0, f32s[1].0), (f64::from(f32::from_bits(1)), 0.0));
    assert_eq!((f64s[0].0, f64s[1].0), (f64::from_bits(1), 0.0));
}
