//! Stochastic gradient descent: `w -= lr · g`.

use super::{MAX_STATES, Rule, number};
use crate::element::Element;
use crate::error::Error;
use crate::simd::Vector;
use crate::simd::blocks::{Change, RowValues, change_rows};

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
    fn step<V: Vector<T>>(&self, weight: &mut [T], _state: [&mut [T]; MAX_STATES], grad: RowValues<'_, T>, rate: T) {
        change_rows::<T, V, 1>([weight], grad, &Descend { lr: self.lr * rate });
    }
}

/// `w -= lr · g`
pub(super) struct Descend<T> {
    pub(super) lr: T,
}

impl<T: Element> Change<T, 1> for Descend<T> {
    #[inline(always)]
    fn change<V: Vector<T>>(&self, [weight]: [V; 1], grad: V) -> [V; 1] {
        [weight - V::splat(self.lr) * grad]
    }
}
