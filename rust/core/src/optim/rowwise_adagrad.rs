//! Row-wise Adagrad as in FBGEMM: one number of state per row, `s += mean(g²); w -= lr · g / (√s + eps)`.

use super::adagrad::epsilon;
use super::sgd::{Descend, learning_rate};
use super::{MAX_STATES, Rule};
use crate::element::Element;
use crate::error::Error;
use crate::simd::blocks::{RowValues, change_rows};
use crate::simd::{Vector, loops};

/// `s += mean(g²); w -= lr · g / (√s + eps)`
#[derive(Clone, Copy, Debug)]
pub struct RowWiseAdagrad<T> {
    lr: T,
    eps: T,
}

impl<T: Element> RowWiseAdagrad<T> {
    /// The rule with its numbers.
    ///
    /// # Errors
    /// If one is negative or not finite.
    pub fn new(lr: f64, eps: f64) -> Result<Self, Error> {
        Ok(Self { lr: learning_rate(lr)?, eps: epsilon(eps)? })
    }
}

impl<T: Element> Rule<T> for RowWiseAdagrad<T> {
    fn state_dims(&self, _dim: usize) -> [usize; MAX_STATES] {
        [1, 0]
    }

    #[inline(always)]
    fn step<V: Vector<T>>(&self, weight: &mut [T], [sum, _]: [&mut [T]; MAX_STATES], grad: RowValues<'_, T>, rate: T) {
        if grad.row.is_empty() {
            return;
        }
        sum[0] += T::from_f64(loops::sq_norm_of::<T, V>(grad) / grad.row.len() as f64);
        let lr = self.lr * rate / (sum[0].sqrt() + self.eps);
        change_rows::<T, V, 1>([weight], grad, &Descend { lr });
    }
}
