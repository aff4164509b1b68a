//! One loop compiled for several instruction sets; the best one that the machine has is taken.

/// `run`, and all that it calls in its loop, must be `#[inline(always)]`.
pub(crate) trait Kernel {
    fn run(self);
}

pub(crate) fn run<K: Kernel>(kernel: K) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
            // SAFETY: the machine has them.
            return unsafe { run_avx512(kernel) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the machine has it.
            return unsafe { run_avx2(kernel) };
        }
    }
    kernel.run();
}

/// # Safety
/// The machine has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn run_avx2<K: Kernel>(kernel: K) {
    kernel.run();
}

/// # Safety
/// The machine has AVX2, AVX-512F and AVX-512VL.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,avx512f,avx512vl")]
unsafe fn run_avx512<K: Kernel>(kernel: K) {
    kernel.run();
}
