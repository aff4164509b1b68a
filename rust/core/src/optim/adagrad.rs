//! Adagrad (Duchi, Hazan, Singer 2011) as in torch: `s += g²; w -= lr · g / (√s + eps)`.

use super::sgd::learning_rate;
use super::{MAX_STATES, Rule, number};
use crate::element::Element;
use crate::error::Error;
use crate::simd::Vector;
use crate::simd::blocks::{Change, RowValues, change_rows};

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
    fn step<V: Vector<T>>(&self, weight: &mut [T], [sum, _]: [&mut [T]; MAX_STATES], grad: RowValues<'_, T>, rate: T) {
        change_rows::<T, V, 2>([weight, sum], grad, &Self { lr: self.lr * rate, ..*self });
    }
}

impl<T: Element> Change<T, 2> for Adagrad<T> {
    #[inline(always)]
    fn change<V: Vector<T>>(&self, [weight, sum]: [V; 2], grad: V) -> [V; 2] {
        let sum = sum + grad * grad;
        [weight - V::splat(self.lr) * grad / (sum.sqrt() + V::splat(self.eps)), sum]
    }
}
