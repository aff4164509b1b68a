//! Registers of AVX2 and AVX-512.
//!
//! AVX-512F has no logic on floats. In its place stands a table for integers: 0xca takes a bit of the second operand
//! where that of the first one is set, else of the third.

use std::arch::x86_64 as x86;
use std::ops::{Add, Div, Mul, Sub};

use super::vector::Vector;

macro_rules! register {
    (
        $(#[$doc:meta])* $name:ident($register:ty) of $lanes:literal $element:ty:
        $splat:ident $load:ident $store:ident $sqrt:ident $add:ident $sub:ident $mul:ident $div:ident,
        |$max:ident, $value:ident| $displaces:expr,
        |$mask:ident, $no:ident, $yes:ident| $select:expr,
        |$sign:ident, $values:ident, $signed:ident| $with_sign:expr,
        $compare:ident $maximum:ident $as_integers:ident $shift_left:ident::<$mantissa:literal> $as_floats:ident,
        sums [$sums:ty; $parts:literal] $zero:ident $add_wide:ident $mul_wide:ident,
        |$narrow:ident| $widen:expr
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name($register);

        register!(operators $name: Add add $add, Sub sub $sub, Mul mul $mul, Div div $div);

        // SAFETY, for every operation: `Level::run` names this type only where the machine has its instructions, and no
        // value of it comes from anywhere else.
        impl Vector<$element> for $name {
            const LANES: usize = $lanes;

            #[inline(always)]
            fn splat(value: $element) -> Self {
                // SAFETY: as above.
                Self(unsafe { x86::$splat(value) })
            }

            #[inline(always)]
            unsafe fn load(row: &[$element], start: usize) -> Self {
                // SAFETY: as above, and the caller's: these elements are the row's.
                Self(unsafe { x86::$load(row.as_ptr().add(start)) })
            }

            #[inline(always)]
            unsafe fn store(self, row: &mut [$element], start: usize) {
                // SAFETY: as for load.
                unsafe { x86::$store(row.as_mut_ptr().add(start), self.0) }
            }

            #[inline(always)]
            fn sqrt(self) -> Self {
                // SAFETY: as above.
                Self(unsafe { x86::$sqrt(self.0) })
            }

            #[inline(always)]
            fn low_bits_as_exponent(self) -> Self {
                // SAFETY: as above.
                Self(unsafe { x86::$as_floats(x86::$shift_left::<$mantissa>(x86::$as_integers(self.0))) })
            }

            #[inline(always)]
            fn at_least(self, least: Self) -> Self {
                // SAFETY: as above. Of two elements that do not compare, the instruction takes the second one.
                Self(unsafe { x86::$maximum(least.0, self.0) })
            }

            #[inline(always)]
            fn with_sign_of(self, other: Self) -> Self {
                let ($sign, $values, $signed) = (Self::splat(-0.0).0, self.0, other.0);
                // SAFETY: as above.
                Self(unsafe { $with_sign })
            }

            #[inline(always)]
            fn if_positive(self, yes: Self, no: Self) -> Self {
                let ($no, $yes) = (no.0, yes.0);
                // SAFETY: as above.
                unsafe {
                    let $mask = x86::$compare::<{ x86::_CMP_GT_OQ }>(self.0, Self::splat(0.0).0);
                    Self($select)
                }
            }

            type Sums = [$sums; $parts];

            #[inline(always)]
            fn no_sums() -> Self::Sums {
                // SAFETY: as above.
                [unsafe { x86::$zero() }; $parts]
            }

            #[inline(always)]
            fn add_squares(self, mut sums: Self::Sums) -> Self::Sums {
                let $narrow = self.0;
                // SAFETY: as above.
                unsafe {
                    let wide: [$sums; $parts] = $widen;
                    for part in 0..$parts {
                        sums[part] = x86::$add_wide(sums[part], x86::$mul_wide(wide[part], wide[part]));
                    }
                }
                sums
            }

            #[inline(always)]
            fn each_sum(sums: Self::Sums, mut visit: impl FnMut(usize, f64)) {
                // SAFETY: a register of doubles is so many doubles.
                let lanes: [f64; $lanes] = unsafe { std::mem::transmute(sums) };
                for (lane, sum) in lanes.into_iter().enumerate() {
                    visit(lane, sum);
                }
            }

            #[inline(always)]
            fn larger_tagged(self, tag: Self, other: Self, other_tag: Self) -> (Self, Self) {
                let ($max, $value) = (self.0, other.0);
                // SAFETY: as above.
                unsafe {
                    let $mask = $displaces;
                    let select = |$no, $yes| $select;
                    (Self(select(self.0, other.0)), Self(select(tag.0, other_tag.0)))
                }
            }
        }
    };
    (operators $name:ident: $($operator:ident $method:ident $intrinsic:ident),*) => {$(
        impl $operator for $name {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                // SAFETY: a value of this type exists only where the machine has its instructions.
                Self(unsafe { x86::$intrinsic(self.0, other.0) })
            }
        }
    )*};
}

register!(
    /// Eight f32 of AVX2.
    Avx2F32(x86::__m256) of 8 f32:
    _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_sqrt_ps
    _mm256_add_ps _mm256_sub_ps _mm256_mul_ps _mm256_div_ps,
    |max, value| {
        let above = x86::_mm256_cmp_ps::<{ x86::_CMP_GT_OQ }>(value, max);
        let first_nan = x86::_mm256_and_ps(
            x86::_mm256_cmp_ps::<{ x86::_CMP_UNORD_Q }>(value, value),
            x86::_mm256_cmp_ps::<{ x86::_CMP_ORD_Q }>(max, max),
        );
        x86::_mm256_or_ps(above, first_nan)
    },
    |mask, no, yes| x86::_mm256_blendv_ps(no, yes, mask),
    |sign, values, signed| x86::_mm256_or_ps(x86::_mm256_andnot_ps(sign, values), x86::_mm256_and_ps(sign, signed)),
    _mm256_cmp_ps _mm256_max_ps
    _mm256_castps_si256 _mm256_slli_epi32::<23> _mm256_castsi256_ps,
    sums [x86::__m256d; 2] _mm256_setzero_pd _mm256_add_pd _mm256_mul_pd,
    |narrow| [
        x86::_mm256_cvtps_pd(x86::_mm256_castps256_ps128(narrow)),
        x86::_mm256_cvtps_pd(x86::_mm256_extractf128_ps::<1>(narrow)),
    ]
);

register!(
    /// Four f64 of AVX2.
    Avx2F64(x86::__m256d) of 4 f64:
    _mm256_set1_pd _mm256_loadu_pd _mm256_storeu_pd _mm256_sqrt_pd
    _mm256_add_pd _mm256_sub_pd _mm256_mul_pd _mm256_div_pd,
    |max, value| {
        let above = x86::_mm256_cmp_pd::<{ x86::_CMP_GT_OQ }>(value, max);
        let first_nan = x86::_mm256_and_pd(
            x86::_mm256_cmp_pd::<{ x86::_CMP_UNORD_Q }>(value, value),
            x86::_mm256_cmp_pd::<{ x86::_CMP_ORD_Q }>(max, max),
        );
        x86::_mm256_or_pd(above, first_nan)
    },
    |mask, no, yes| x86::_mm256_blendv_pd(no, yes, mask),
    |sign, values, signed| x86::_mm256_or_pd(x86::_mm256_andnot_pd(sign, values), x86::_mm256_and_pd(sign, signed)),
    _mm256_cmp_pd _mm256_max_pd
    _mm256_castpd_si256 _mm256_slli_epi64::<52> _mm256_castsi256_pd,
    sums [x86::__m256d; 1] _mm256_setzero_pd _mm256_add_pd _mm256_mul_pd,
    |narrow| [narrow]
);

register!(
    /// Sixteen f32 of AVX-512.
    Avx512F32(x86::__m512) of 16 f32:
    _mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_sqrt_ps
    _mm512_add_ps _mm512_sub_ps _mm512_mul_ps _mm512_div_ps,
    |max, value| {
        let above = x86::_mm512_cmp_ps_mask::<{ x86::_CMP_GT_OQ }>(value, max);
        let nan = x86::_mm512_cmp_ps_mask::<{ x86::_CMP_UNORD_Q }>(value, value);
        let number = x86::_mm512_cmp_ps_mask::<{ x86::_CMP_ORD_Q }>(max, max);
        above | nan & number
    },
    |mask, no, yes| x86::_mm512_mask_blend_ps(mask, no, yes),
    |sign, values, signed| x86::_mm512_castsi512_ps(x86::_mm512_ternarylogic_epi32::<0xca>(
        x86::_mm512_castps_si512(sign),
        x86::_mm512_castps_si512(signed),
        x86::_mm512_castps_si512(values),
    )),
    _mm512_cmp_ps_mask _mm512_max_ps
    _mm512_castps_si512 _mm512_slli_epi32::<23> _mm512_castsi512_ps,
    sums [x86::__m512d; 2] _mm512_setzero_pd _mm512_add_pd _mm512_mul_pd,
    |narrow| {
        let halves = x86::_mm512_castps_pd(narrow);
        [
            x86::_mm512_cvtps_pd(x86::_mm512_castps512_ps256(narrow)),
            x86::_mm512_cvtps_pd(x86::_mm256_castpd_ps(x86::_mm512_extractf64x4_pd::<1>(halves))),
        ]
    }
);

register!(
    /// Eight f64 of AVX-512.
    Avx512F64(x86::__m512d) of 8 f64:
    _mm512_set1_pd _mm512_loadu_pd _mm512_storeu_pd _mm512_sqrt_pd
    _mm512_add_pd _mm512_sub_pd _mm512_mul_pd _mm512_div_pd,
    |max, value| {
        let above = x86::_mm512_cmp_pd_mask::<{ x86::_CMP_GT_OQ }>(value, max);
        let nan = x86::_mm512_cmp_pd_mask::<{ x86::_CMP_UNORD_Q }>(value, value);
        let number = x86::_mm512_cmp_pd_mask::<{ x86::_CMP_ORD_Q }>(max, max);
        above | nan & number
    },
    |mask, no, yes| x86::_mm512_mask_blend_pd(mask, no, yes),
    |sign, values, signed| x86::_mm512_castsi512_pd(x86::_mm512_ternarylogic_epi32::<0xca>(
        x86::_mm512_castpd_si512(sign),
        x86::_mm512_castpd_si512(signed),
        x86::_mm512_castpd_si512(values),
    )),
    _mm512_cmp_pd_mask _mm512_max_pd
    _mm512_castpd_si512 _mm512_slli_epi64::<52> _mm512_castsi512_pd,
    sums [x86::__m512d; 1] _mm512_setzero_pd _mm512_add_pd _mm512_mul_pd,
    |narrow| [narrow]
);
