//! Adadelta (Zeiler 2012) as in torch.

use super::adagrad::epsilon;
use super::sgd::learning_rate;
use super::{MAX_STATES, Rule, number};
use crate::element::Element;
use crate::error::Error;

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
    fn step(&self, weight: &mut [T], [square, acc]: [&mut [T]; MAX_STATES], grad: &[T], rate: T) {
        let lr = self.lr * rate;
        for (((weight, square), acc), &grad) in weight.iter_mut().zip(square).zip(acc).zip(grad) {
            *square = self.rho * *square + self.rest * (grad * grad);
            let delta = (*acc + self.eps).sqrt() / (*square + self.eps).sqrt() * grad;
            *acc = self.rho * *acc + self.rest * (delta * delta);
            *weight = *weight - lr * delta;
        }
    }
}
