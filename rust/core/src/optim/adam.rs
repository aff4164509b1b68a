//! Adam (Kingma, Ba 2015): moments of touched rows only, as `torch.optim.SparseAdam`, or of all rows of a dense
//! parameter, as `torch.optim.Adam`. The two differ in where eps stands.

use super::adagrad::epsilon;
use super::sgd::learning_rate;
use super::{MAX_STATES, Rule, check_number, number};
use crate::element::Element;
use crate::error::Error;
use crate::simd::Vector;
use crate::simd::blocks::{Change, RowValues, change_rows};

/// `m += (1 - β₁)(g - m); v += (1 - β₂)(g² - v); w -= size · m / (√v / correction + eps)`
#[derive(Clone, Copy, Debug)]
pub struct Adam<T> {
    rest1: T,
    rest2: T,
    size: T,
    correction: T,
    eps: T,
}

impl<T: Element> Adam<T> {
    /// torch's `SparseAdam` at step `step` (the first is 1): `w -= lr · √(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + eps)`.
    ///
    /// # Errors
    /// If a number is outside its range.
    pub fn rows(lr: f64, betas: (f64, f64), eps: f64, step: i64) -> Result<Self, Error> {
        learning_rate::<T>(lr)?;
        let (correction1, correction2) = corrections(betas, step)?;
        Self::with(betas, lr * correction2.sqrt() / correction1, 1.0, eps)
    }

    /// torch's `Adam` at step `step` (the first is 1): `w -= lr / (1 - β₁ᵗ) · m / (√v / √(1 - β₂ᵗ) + eps)`.
    ///
    /// # Errors
    /// If a number is outside its range.
    pub fn dense(lr: f64, betas: (f64, f64), eps: f64, step: i64) -> Result<Self, Error> {
        learning_rate::<T>(lr)?;
        let (correction1, correction2) = corrections(betas, step)?;
        Self::with(betas, lr / correction1, correction2.sqrt(), eps)
    }

    fn with(betas: (f64, f64), size: f64, correction: f64, eps: f64) -> Result<Self, Error> {
        Ok(Self {
            rest1: T::from_f64(1.0 - betas.0),
            rest2: T::from_f64(1.0 - betas.1),
            size: number("lr over its bias correction", size, "a finite number", |_| true)?,
            correction: T::from_f64(correction),
            eps: epsilon(eps)?,
        })
    }
}

/// `1 - β₁ᵗ` and `1 - β₂ᵗ`
fn corrections(betas: (f64, f64), step: i64) -> Result<(f64, f64), Error> {
    check_number("betas[0]", betas.0, "a number 0 <= beta < 1", |beta| (0.0..1.0).contains(&beta))?;
    check_number("betas[1]", betas.1, "a number 0 <= beta < 1", |beta| (0.0..1.0).contains(&beta))?;
    check_number("step", step as f64, "a whole number >= 1: the first step is 1", |step| step >= 1.0)?;
    Ok((1.0 - betas.0.powf(step as f64), 1.0 - betas.1.powf(step as f64)))
}

impl<T: Element> Rule<T> for Adam<T> {
    fn state_dims(&self, dim: usize) -> [usize; MAX_STATES] {
        [dim, dim]
    }

    #[inline(always)]
    fn step<V: Vector<T>>(
        &self,
        weight: &mut [T],
        [mean, square]: [&mut [T]; MAX_STATES],
        grad: RowValues<'_, T>,
        rate: T,
    ) {
        change_rows::<T, V, 3>([weight, mean, square], grad, &Self { size: self.size * rate, ..*self });
    }
}

impl<T: Element> Change<T, 3> for Adam<T> {
    #[inline(always)]
    fn change<V: Vector<T>>(&self, [weight, mean, square]: [V; 3], grad: V) -> [V; 3] {
        let mean = mean + V::splat(self.rest1) * (grad - mean);
        let square = square + V::splat(self.rest2) * (grad * grad - square);
        let mut root = square.sqrt();
        if self.correction != T::ONE {
            root = root / V::splat(self.correction);
        }
        [weight - V::splat(self.size) * mean / (root + V::splat(self.eps)), mean, square]
    }
}
