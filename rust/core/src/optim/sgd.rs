//! Stochastic gradient descent: `w -= lr · g`.

use super::{MAX_STATES, Rule, number};
use crate::element::Element;
use crate::error::Error;

/// `w -= lr · g`
#[derive(Clone, Copy, Debug)]
pub struct Sgd<T> {
    lr: T,
}

impl<T: Element> Sgd<T> {
    /// The rule with a learning rate.
    ///
    /// # Errors
    /// If the learning rate is negative or not finite.
    pub fn new(lr: f64) -> Result<Self, Error> {
        Ok(Self { lr: learning_rate(lr)? })
    }

    /// `w += alpha · g`, for `alpha` of any sign.
    ///
    /// # Errors
    /// If `alpha` is not finite.
    pub fn adding(alpha: f64) -> Result<Self, Error> {
        Ok(Self { lr: number::<T>("alpha", -alpha, "a finite number", |_| true)? })
    }
}

/// A learning rate, refused where it is negative or not finite.
pub(super) fn learning_rate<T: Element>(lr: f64) -> Result<T, Error> {
    number("lr", lr, "a finite number >= 0", |lr| lr >= 0.0)
}

impl<T: Element> Rule<T> for Sgd<T> {
    fn state_dims(&self, _dim: usize) -> [usize; MAX_STATES] {
        [0, 0]
    }

    #[inline(always)]
    fn step(&self, weight: &mut [T], _state: [&mut [T]; MAX_STATES], grad: &[T], rate: T) {
        let lr = self.lr * rate;
        for (weight, &grad) in weight.iter_mut().zip(grad) {
            *weight = *weight - lr * grad;
        }
    }
}
