//! What the kernels must compute, in double precision, slow and obvious.

use crate::bag::Mode;

/// A bag: ids that are not padding, with their weights.
pub(super) fn pooled(table: &[f64], dim: usize, members: &[(usize, f64)], mode: Mode) -> Vec<f64> {
    (0..dim)
        .map(|d| {
            let column = members.iter().map(|&(id, weight)| weight * table[id * dim + d]);
            match mode {
                _ if members.is_empty() => 0.0,
                Mode::Sum => column.sum(),
                Mode::Mean => column.sum::<f64>() / members.len() as f64,
                Mode::Max => column.fold(f64::NEG_INFINITY, |max, value| {
                    if max.is_nan() || value.is_nan() { f64::NAN } else { max.max(value) }
                }),
            }
        })
        .collect()
}

/// What each occurrence of an id adds to its row's gradient.
pub(super) struct Part {
    pub(super) id: usize,
    pub(super) value: Vec<f64>,
}

/// The parts of a bag gradient.
#[expect(clippy::too_many_arguments, reason = "torch's arguments")]
pub(super) fn bag_parts(
    table: &[f64],
    dim: usize,
    ids: &[usize],
    offsets: &[usize],
    weights: &[f64],
    mode: Mode,
    padding: Option<usize>,
    grad: &[f64],
) -> Vec<Part> {
    let mut parts = Vec::new();
    for (bag, range) in offsets.windows(2).enumerate() {
        let members: Vec<_> = (range[0]..range[1]).filter(|&i| Some(ids[i]) != padding).collect();
        for &i in &members {
            let value = (0..dim)
                .map(|d| {
                    let grad = grad[bag * dim + d];
                    match mode {
                        Mode::Sum => weights[i] * grad,
                        Mode::Mean => grad / members.len() as f64,
                        Mode::Max => {
                            let largest = members.iter().copied().reduce(|best, j| {
                                if table[ids[j] * dim + d] > table[ids[best] * dim + d] { j } else { best }
                            });
                            if largest == Some(i) { grad } else { 0.0 }
                        }
                    }
                })
                .collect();
            parts.push(Part { id: ids[i], value });
        }
    }
    parts
}

/// The sum of the parts of one row, and the sum of their sizes, which bounds its rounding.
pub(super) fn summed(parts: &[Part], id: usize, dim: usize) -> Option<(Vec<f64>, Vec<f64>, usize)> {
    let own: Vec<_> = parts.iter().filter(|part| part.id == id).collect();
    if own.is_empty() {
        return None;
    }
    let column = |d: usize| own.iter().map(move |part| part.value[d]);
    let sum = (0..dim).map(|d| column(d).sum()).collect();
    let size = (0..dim).map(|d| column(d).map(f64::abs).sum()).collect();
    Some((sum, size, own.len()))
}

/// The rules, as their sources write them. `w`, `s` and `u` are one element of the weight and its states.
pub(super) fn sgd(w: &mut f64, g: f64, lr: f64) {
    *w -= lr * g;
}

pub(super) fn adagrad(w: &mut f64, s: &mut f64, g: f64, lr: f64, eps: f64) {
    *s += g * g;
    *w -= lr * g / (s.sqrt() + eps);
}

pub(super) fn rowwise_adagrad(w: &mut [f64], s: &mut f64, g: &[f64], lr: f64, eps: f64) {
    *s += g.iter().map(|g| g * g).sum::<f64>() / g.len() as f64;
    for (w, g) in w.iter_mut().zip(g) {
        *w -= lr / (s.sqrt() + eps) * g;
    }
}

#[expect(clippy::too_many_arguments, reason = "the letters of the paper")]
pub(super) fn sparse_adam(w: &mut f64, m: &mut f64, v: &mut f64, g: f64, lr: f64, betas: (f64, f64), eps: f64, t: i32) {
    *m = betas.0 * *m + (1.0 - betas.0) * g;
    *v = betas.1 * *v + (1.0 - betas.1) * g * g;
    *w -= lr * (1.0 - betas.1.powi(t)).sqrt() / (1.0 - betas.0.powi(t)) * *m / (v.sqrt() + eps);
}

#[expect(clippy::too_many_arguments, reason = "the letters of the paper")]
pub(super) fn dense_adam(w: &mut f64, m: &mut f64, v: &mut f64, g: f64, lr: f64, betas: (f64, f64), eps: f64, t: i32) {
    *m = betas.0 * *m + (1.0 - betas.0) * g;
    *v = betas.1 * *v + (1.0 - betas.1) * g * g;
    let (m_hat, v_hat) = (*m / (1.0 - betas.0.powi(t)), *v / (1.0 - betas.1.powi(t)));
    *w -= lr * m_hat / (v_hat.sqrt() + eps);
}

pub(super) fn adadelta(w: &mut f64, v: &mut f64, u: &mut f64, g: f64, lr: f64, rho: f64, eps: f64) {
    *v = rho * *v + (1.0 - rho) * g * g;
    let delta = (*u + eps).sqrt() / (*v + eps).sqrt() * g;
    *u = rho * *u + (1.0 - rho) * delta * delta;
    *w -= lr * delta;
}
