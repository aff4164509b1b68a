//! Vector registers: what kernels compute with, one type for each level and element type.
//!
//! Every operation rounds as the scalar one does and there is no fused multiply-add, so all levels give the same bits.

use std::ops::{Add, Div, Mul, Sub};

#[cfg(target_arch = "x86_64")]
use super::x86;
use crate::element::Element;

/// A register of elements, all of which an operation treats alike.
///
/// The registers of AVX2 and AVX-512 must be named by `Level::run` alone, which proves that the machine has their
/// instructions; kernels know them only as `V: Vector<T>`. Outside this crate nothing can be done with them.
pub trait Vector<T>: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> {
    /// Elements in it.
    const LANES: usize;

    /// The same element everywhere.
    fn splat(value: T) -> Self;

    /// The elements of a row from column `start`.
    ///
    /// # Safety
    /// `start + LANES` is at most the row's length.
    unsafe fn load(row: &[T], start: usize) -> Self;

    /// Writes the elements of a row from column `start`.
    ///
    /// # Safety
    /// `start + LANES` is at most the row's length.
    unsafe fn store(self, row: &mut [T], start: usize);

    /// Correctly rounded square roots.
    fn sqrt(self) -> Self;

    /// Numbers without mantissa whose sign and exponent are the lowest bits of ours: `2^k` where these are `k` plus the
    /// bias of exponents.
    #[must_use]
    fn low_bits_as_exponent(self) -> Self;

    /// The larger one of each two elements; a NaN of ours stays.
    #[must_use]
    fn at_least(self, least: Self) -> Self;

    /// The same absolute values with the signs of `other`.
    #[must_use]
    fn with_sign_of(self, other: Self) -> Self;

    /// The elements of `yes` where ours are above 0, else those of `no`.
    #[must_use]
    fn if_positive(self, yes: Self, no: Self) -> Self;

    /// As many sums in double precision.
    type Sums: Copy;

    /// Sums of nothing.
    fn no_sums() -> Self::Sums;

    /// The sums, with the squares of our elements added.
    fn add_squares(self, sums: Self::Sums) -> Self::Sums;

    /// The sums one by one.
    fn each_sum(sums: Self::Sums, visit: impl FnMut(usize, f64));

    /// The elements of `other` that are larger, else ours. A NaN counts as larger than any number; the first one stays.
    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        self.larger_tagged(self, other, other).0
    }

    /// The same, and for each element the one of `tag` or `other_tag` that goes with it.
    fn larger_tagged(self, tag: Self, other: Self, other_tag: Self) -> (Self, Self);
}

/// The register of each level that holds elements of a type.
pub trait Registers: Sized {
    /// Of the baseline.
    type Portable: Vector<Self>;
    /// Of AVX2.
    #[cfg(target_arch = "x86_64")]
    type Avx2: Vector<Self>;
    /// Of AVX-512.
    #[cfg(target_arch = "x86_64")]
    type Avx512: Vector<Self>;
}

impl Registers for f32 {
    type Portable = Lanes<f32, 4>;
    #[cfg(target_arch = "x86_64")]
    type Avx2 = x86::Avx2F32;
    #[cfg(target_arch = "x86_64")]
    type Avx512 = x86::Avx512F32;
}

impl Registers for f64 {
    type Portable = Lanes<f64, 2>;
    #[cfg(target_arch = "x86_64")]
    type Avx2 = x86::Avx2F64;
    #[cfg(target_arch = "x86_64")]
    type Avx512 = x86::Avx512F64;
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

/// Elements that the compiler puts in registers of the baseline; one of them is the scalar for rows too short for more.
#[derive(Clone, Copy)]
pub struct Lanes<T, const LANES: usize>([T; LANES]);

impl<T: Element, const LANES: usize> Lanes<T, LANES> {
    #[inline(always)]
    fn with(mut self, other: Self, operation: impl Fn(T, T) -> T) -> Self {
        for lane in 0..LANES {
            self.0[lane] = operation(self.0[lane], other.0[lane]);
        }
        self
    }
}

macro_rules! lanes_operator {
    ($($operator:ident $method:ident),*) => {$(
        impl<T: Element, const LANES: usize> $operator for Lanes<T, LANES> {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                self.with(other, T::$method)
            }
        }
    )*};
}

lanes_operator!(Add add, Sub sub, Mul mul, Div div);

impl<T: Element, const LANES: usize> Vector<T> for Lanes<T, LANES> {
    const LANES: usize = LANES;

    #[inline(always)]
    fn splat(value: T) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    unsafe fn load(row: &[T], start: usize) -> Self {
        // SAFETY: the caller's: these elements are the row's, and an array is no more aligned than they are.
        Self(unsafe { *row.as_ptr().add(start).cast() })
    }

    #[inline(always)]
    unsafe fn store(self, row: &mut [T], start: usize) {
        // SAFETY: as for load.
        unsafe { *row.as_mut_ptr().add(start).cast() = self.0 };
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        self.with(self, |value, _| value.sqrt())
    }

    #[inline(always)]
    fn low_bits_as_exponent(self) -> Self {
        self.with(self, |value, _| value.low_bits_as_exponent())
    }

    #[inline(always)]
    fn at_least(self, least: Self) -> Self {
        self.with(least, |value, least| if least > value { least } else { value })
    }

    #[inline(always)]
    fn with_sign_of(self, other: Self) -> Self {
        self.with(other, T::with_sign_of)
    }

    #[inline(always)]
    fn if_positive(self, mut yes: Self, no: Self) -> Self {
        for lane in 0..LANES {
            yes.0[lane] = if self.0[lane] > T::ZERO { yes.0[lane] } else { no.0[lane] };
        }
        yes
    }

    type Sums = [f64; LANES];

    #[inline(always)]
    fn no_sums() -> Self::Sums {
        [0.0; LANES]
    }

    #[inline(always)]
    fn add_squares(self, mut sums: Self::Sums) -> Self::Sums {
        for lane in 0..LANES {
            let value = self.0[lane].to_f64();
            sums[lane] += value * value;
        }
        sums
    }

    #[inline(always)]
    fn each_sum(sums: Self::Sums, mut visit: impl FnMut(usize, f64)) {
        for (lane, sum) in sums.into_iter().enumerate() {
            visit(lane, sum);
        }
    }

    #[inline(always)]
    fn larger_tagged(mut self, mut tag: Self, other: Self, other_tag: Self) -> (Self, Self) {
        for lane in 0..LANES {
            let displaced = displaces(other.0[lane], self.0[lane]);
            self.0[lane] = if displaced { other.0[lane] } else { self.0[lane] };
            tag.0[lane] = if displaced { other_tag.0[lane] } else { tag.0[lane] };
        }
        (self, tag)
    }
}
