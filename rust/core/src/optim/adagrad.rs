//! Adagrad (Duchi, Hazan, Singer 2011) as in torch: `s += g²; w -= lr · g / (√s + eps)`.

use super::sgd::learning_rate;
use super::{MAX_STATES, Rule, number};
use crate::element::Element;
use crate::error::Error;

/// `s += g²; w -= lr · g / (√s + eps)`
#[derive(Clone, Copy, Debug)]
pub struct Adagrad<T> {
    lr: T,
    eps: T,
}

impl<T: Element> Adagrad<T> {
    /// The rule with its numbers.
    ///
    /// # Errors
    /// If one is negative or not finite.
    pub fn new(lr: f64, eps: f64) -> Result<Self, Error> {
        Ok(Self { lr: learning_rate(lr)?, eps: epsilon(eps)? })
    }
}

/// An eps, refused where it is negative or not finite.
pub(super) fn epsilon<T: Element>(eps: f64) -> Result<T, Error> {
    number("eps", eps, "a finite number >= 0", |eps| eps >= 0.0)
}

impl<T: Element> Rule<T> for Adagrad<T> {
    fn state_dims(&self, dim: usize) -> [usize; MAX_STATES] {
        [dim, 0]
    }

    #[inline(always)]
    fn step(&self, weight: &mut [T], [sum, _]: [&mut [T]; MAX_STATES], grad: &[T], rate: T) {
        let lr = self.lr * rate;
        for ((weight, sum), &grad) in weight.iter_mut().zip(sum).zip(grad) {
            *sum += grad * grad;
            *weight = *weight - lr * grad / (sum.sqrt() + self.eps);
        }
    }
}
