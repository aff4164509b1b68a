//! Row-wise Adagrad as in FBGEMM: one number of state per row, `s += mean(g²); w -= lr · g / (√s + eps)`.

use super::adagrad::epsilon;
use super::sgd::learning_rate;
use super::{MAX_STATES, Rule};
use crate::element::Element;
use crate::error::Error;
use crate::simd::loops;

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
    fn step(&self, weight: &mut [T], [sum, _]: [&mut [T]; MAX_STATES], grad: &[T], rate: T) {
        if grad.is_empty() {
            return;
        }
        sum[0] += T::from_f64(loops::sq_norm(grad) / grad.len() as f64);
        let lr = self.lr * rate / (sum[0].sqrt() + self.eps);
        for (weight, &grad) in weight.iter_mut().zip(grad) {
            *weight = *weight - lr * grad;
        }
    }
}
