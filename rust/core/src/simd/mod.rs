//! Instruction sets: one baseline build, kernels compiled at several levels, the level detected once and forceable.
//!
//! Kernels compute with registers, wider ones at higher levels, whose lanes never mix, and without fused multiply-add;
//! reductions over a row use a fixed number of partial sums. So every level gives the same bits.

pub(crate) mod blocks;
pub(crate) mod exp;
pub(crate) mod loops;
pub(crate) mod lstm;
mod prefetch;
pub(crate) mod stream;
pub(crate) mod vector;
pub(crate) mod windows;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::atomic::{AtomicU8, Ordering};

pub(crate) use prefetch::{ahead, prefetch};
pub(crate) use vector::Vector;

use crate::element::Element;
use vector::Registers;

/// An instruction set that this machine can run.
///
/// Values come only from `Level::available` and so prove that the machine has the features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Features);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Features {
    Portable = 1,
    #[cfg(target_arch = "x86_64")]
    Avx2 = 2,
    #[cfg(target_arch = "x86_64")]
    Avx512 = 3,
}

/// 0: not detected yet.
static CURRENT: AtomicU8 = AtomicU8::new(0);

impl Level {
    /// What this machine can run, slowest first.
    pub fn available() -> Vec<Self> {
        let mut levels = vec![Self(Features::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                levels.push(Self(Features::Avx2));
                if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
                    levels.push(Self(Features::Avx512));
                }
            }
        }
        levels
    }

    /// The level in use: the one forced, else the best available.
    pub fn current() -> Self {
        let current = CURRENT.load(Ordering::Relaxed);
        Self(match current {
            1 => Features::Portable,
            #[cfg(target_arch = "x86_64")]
            2 => Features::Avx2,
            #[cfg(target_arch = "x86_64")]
            3 => Features::Avx512,
            _ => {
                let best = Self::available().pop().map_or(Features::Portable, |level| level.0);
                CURRENT.store(best as u8, Ordering::Relaxed);
                best
            }
        })
    }

    /// Makes this the level in use.
    pub fn force(self) {
        CURRENT.store(self.0 as u8, Ordering::Relaxed);
    }

    /// "portable", "avx2" or "avx512".
    pub fn name(self) -> &'static str {
        match self.0 {
            Features::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Features::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Features::Avx512 => "avx512",
        }
    }

    /// Runs a kernel compiled for this level.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Features::Portable => kernel.run::<<K::Element as Registers>::Portable>(),
            // SAFETY: a Level with this feature set exists only where the machine was found to have it.
            #[cfg(target_arch = "x86_64")]
            Features::Avx2 => unsafe { run_avx2(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Features::Avx512 => unsafe { run_avx512(kernel) },
        }
    }
}

/// A loop to compile at every level. `run`, and what it calls in its loop, must be `#[inline(always)]`.
pub(crate) trait Kernel {
    /// What it computes with.
    type Element: Element;

    /// What it returns.
    type Output;

    /// The loop.
    fn run<V: Vector<Self::Element>>(self) -> Self::Output;
}

/// # Safety
/// The machine has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<<K::Element as Registers>::Avx2>()
}

/// # Safety
/// The machine has AVX2, AVX-512F and AVX-512VL.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,avx512f,avx512vl")]
unsafe fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<<K::Element as Registers>::Avx512>()
}
