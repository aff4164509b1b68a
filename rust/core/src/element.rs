//! The element types of a table: `f32` and `f64`.

use std::ops::{Add, AddAssign, Div, Mul, Sub};

use crate::simd::vector::Registers;

/// A floating-point number that a table can hold.
pub trait Element:
    bytemuck::Pod
    + Registers
    + PartialOrd
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Send
    + Sync
    + 'static
{
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// Below every other number.
    const NEG_INFINITY: Self;

    /// The nearest number of this type.
    fn from_f64(value: f64) -> Self;

    /// The same number in double precision.
    fn to_f64(self) -> f64;

    /// Correctly rounded square root.
    #[must_use]
    fn sqrt(self) -> Self;

    /// The number without mantissa whose sign and exponent are the lowest bits of this one.
    #[must_use]
    fn low_bits_as_exponent(self) -> Self;

    /// The same absolute value with the sign of `other`.
    #[must_use]
    fn with_sign_of(self, other: Self) -> Self;
}

macro_rules! element {
    ($type:ty, $mantissa:literal) => {
        impl Element for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NEG_INFINITY: Self = <$type>::NEG_INFINITY;

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as Self
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn sqrt(self) -> Self {
                <$type>::sqrt(self)
            }

            #[inline(always)]
            fn low_bits_as_exponent(self) -> Self {
                Self::from_bits(self.to_bits() << $mantissa)
            }

            #[inline(always)]
            fn with_sign_of(self, other: Self) -> Self {
                self.copysign(other)
            }
        }
    };
}

element!(f32, 23);
element!(f64, 52);
