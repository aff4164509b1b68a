//! Adadelta (Zeiler 2012) as in torch.

use super::adagrad::epsilon;
use super::sgd::learning_rate;
use super::{MAX_STATES, Rule, number};
use crate::element::Element;
use crate::error::Error;
use crate::simd::Vector;
use crate::simd::blocks::{Change, RowValues, change_rows};

/// `v = ρ v + (1 - ρ) g²; δ = √(u + eps) / √(v + eps) · g; u = ρ u + (1 - ρ) δ²; w -= lr · δ`
#[derive(Clone, Copy, Debug)]
pub struct Adadelta<T> {
    lr: T,
    rho: T,
    rest: T,
    eps: T,
}

impl<T: Element> Adadelta<T> {
    /// The rule with its numbers.
    ///
    /// # Errors
    /// If one is outside its range.
    pub fn new(lr: f64, rho: f64, eps: f64) -> Result<Self, Error> {
        let range = "a number 0 <= rho <= 1";
        let rho_element = number("rho", rho, range, |rho| (0.0..=1.0).contains(&rho))?;
        Ok(Self { lr: learning_rate(lr)?, rho: rho_element, rest: T::from_f64(1.0 - rho), eps: epsilon(eps)? })
    }
}

impl<T: Element> Rule<T> for Adadelta<T> {
    fn state_dims(&self, dim: usize) -> [usize; MAX_STATES] {
        [dim, dim]
    }

    #[inline(always)]
    fn step<V: Vector<T>>(
        &self,
        weight: &mut [T],
        [square, acc]: [&mut [T]; MAX_STATES],
        grad: RowValues<'_, T>,
        rate: T,
    ) {
        change_rows::<T, V, 3>([weight, square, acc], grad, &Self { lr: self.lr * rate, ..*self });
    }
}

impl<T: Element> Change<T, 3> for Adadelta<T> {
    #[inline(always)]
    fn change<V: Vector<T>>(&self, [weight, square, acc]: [V; 3], grad: V) -> [V; 3] {
        let (rho, rest, eps) = (V::splat(self.rho), V::splat(self.rest), V::splat(self.eps));
        let square = rho * square + rest * (grad * grad);
        let delta = (acc + eps).sqrt() / (square + eps).sqrt() * grad;
        [weight - V::splat(self.lr) * delta, square, rho * acc + rest * (delta * delta)]
    }
}
