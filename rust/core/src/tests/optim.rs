//! Update rules against the oracle, given the summed gradient.

use super::inputs::Random;
use super::{DIMS, Rounding, at_every_setting, oracle};
use crate::bag::{Mode, Pooling};
use crate::coalesce::Coalesced;
use crate::element::Element;
use crate::error::Error;
use crate::grad::{Entry, RowGrad};
use crate::ids::{Bags, Ids};
use crate::optim::{
    Adadelta, Adagrad, Adam, Grad, Options, RowWiseAdagrad, Rule, Sgd, Tables, grad_sq_norm, update_dense, update_rows,
};
use crate::rows::{Rows, RowsMut};

const ROWS: usize = 40;
const LR: f64 = 0.125;
const EPS: f64 = 1e-3;
const BETAS: (f64, f64) = (0.75, 0.875);
const RHO: f64 = 0.75;
const STEP: i64 = 3;

fn plain<T: Element>() -> Options<'static, T> {
    Options { padding: None, row_lr: None, weight_decay: T::ZERO, grad_scale: T::ONE, max_norm: None }
}

fn wide<T: Element>(values: &[T]) -> Vec<f64> {
    values.iter().map(|value| value.to_f64()).collect()
}

/// Weight and states before or after an update.
#[derive(Clone, Debug, PartialEq)]
struct Parameter<T> {
    dim: usize,
    weight: Vec<T>,
    states: [Vec<T>; 2],
}

impl<T: Element> Parameter<T> {
    fn new<R: Rule<T>>(random: &mut Random, rule: &R, dim: usize) -> Self {
        // States are never negative.
        let mut state = |dim: usize| random.values::<T>(ROWS * dim).iter().map(|&value| value * value).collect();
        let states = rule.state_dims(dim).map(&mut state);
        Self { dim, weight: random.values(ROWS * dim), states }
    }

    fn tables<R: Rule<T>>(&mut self, rule: &R) -> Tables<'_, T> {
        let dims = rule.state_dims(self.dim);
        let mut dims = dims.iter();
        let states = self.states.each_mut().map(|state| Some(RowsMut::new(state, ROWS, *dims.next().unwrap())));
        Tables::new(rule, RowsMut::new(&mut self.weight, ROWS, self.dim), states).unwrap()
    }
}

/// What a rule does to one row in double precision: weight, states, summed gradient.
type RowOracle = fn(&mut [f64], [&mut [f64]; 2], &[f64], f64);

fn sgd(w: &mut [f64], _: [&mut [f64]; 2], g: &[f64], lr: f64) {
    w.iter_mut().zip(g).for_each(|(w, g)| oracle::sgd(w, *g, lr));
}

fn adagrad(w: &mut [f64], [s, _]: [&mut [f64]; 2], g: &[f64], lr: f64) {
    for d in 0..g.len() {
        oracle::adagrad(&mut w[d], &mut s[d], g[d], lr, EPS);
    }
}

fn rowwise(w: &mut [f64], [s, _]: [&mut [f64]; 2], g: &[f64], lr: f64) {
    oracle::rowwise_adagrad(w, &mut s[0], g, lr, EPS);
}

fn sparse_adam(w: &mut [f64], [m, v]: [&mut [f64]; 2], g: &[f64], lr: f64) {
    for d in 0..g.len() {
        oracle::sparse_adam(&mut w[d], &mut m[d], &mut v[d], g[d], lr, BETAS, EPS, STEP as i32);
    }
}

fn dense_adam(w: &mut [f64], [m, v]: [&mut [f64]; 2], g: &[f64], lr: f64) {
    for d in 0..g.len() {
        oracle::dense_adam(&mut w[d], &mut m[d], &mut v[d], g[d], lr, BETAS, EPS, STEP as i32);
    }
}

fn adadelta(w: &mut [f64], [v, u]: [&mut [f64]; 2], g: &[f64], lr: f64) {
    for d in 0..g.len() {
        oracle::adadelta(&mut w[d], &mut v[d], &mut u[d], g[d], lr, RHO, EPS);
    }
}

/// Compares an updated parameter with the oracle, row by row; rows without a gradient keep their bits.
fn assert_updated<T: Element + Rounding>(
    before: &Parameter<T>,
    after: &Parameter<T>,
    state_dims: [usize; 2],
    gradient: impl Fn(usize) -> Option<Vec<T>>,
    options: &Options<'_, T>,
    row_oracle: RowOracle,
) {
    let dim = before.dim;
    let cut = |values: &[T], row: usize, dim: usize| wide(&values[row * dim..(row + 1) * dim]);
    for row in 0..ROWS {
        let mut weight = cut(&before.weight, row, dim);
        let mut states = [0, 1].map(|i| cut(&before.states[i], row, state_dims[i]));
        let rate = options.row_lr.map_or(1.0, |row_lr| row_lr[row].to_f64());
        let changed = gradient(row).filter(|_| Some(row) != options.padding && rate != 0.0);
        let mut tolerance = 0.0;
        if let Some(gradient) = changed {
            let gradient: Vec<_> = wide(&gradient)
                .iter()
                .zip(&weight)
                .map(|(g, w)| options.grad_scale.to_f64() * g + options.weight_decay.to_f64() * w)
                .collect();
            let [first, second] = &mut states;
            row_oracle(&mut weight, [first, second], &gradient, LR * rate);
            if let Some(max_norm) = options.max_norm {
                let norm = weight.iter().map(|w| w * w).sum::<f64>().sqrt();
                if norm > max_norm {
                    for w in &mut weight {
                        *w *= max_norm / (norm + 1e-7);
                    }
                }
            }
            // All inputs are below 2 and eps is 1e-3, so a rounding error grows at most by 1 / eps in a quotient; a rule
            // has fewer than 20 operations.
            tolerance = 20.0 * T::UNIT / EPS;
        }
        let found = [
            (cut(&after.weight, row, dim), weight),
            (cut(&after.states[0], row, state_dims[0]), states[0].clone()),
            (cut(&after.states[1], row, state_dims[1]), states[1].clone()),
        ];
        for (found, wanted) in found {
            for (found, wanted) in found.iter().zip(&wanted) {
                let error = (found - wanted).abs();
                assert!(error <= tolerance, "row {row}, dim {dim}: {found} for {wanted}, off by more than {tolerance}");
            }
        }
    }
}

fn check_rows<T: Element + Rounding + std::fmt::Debug, R: Rule<T>>(
    rule: &R,
    options: &Options<'_, T>,
    row_oracle: RowOracle,
) {
    let mut random = Random::new(6);
    for dim in DIMS {
        for count in [0, 1, 25, 700] {
            let before = Parameter::new(&mut random, rule, dim);
            let ids = random.ids(count, ROWS);
            let grad = random.values::<T>(count * dim);
            let per_id = RowGrad::per_id(Ids::check(&ids, ROWS).unwrap(), dim, None);
            check_entries(
                rule,
                options,
                row_oracle,
                &before,
                &[Entry::new(&per_id, Rows::new(&grad, count, dim)).unwrap()],
            );
            let table = random.values::<T>(ROWS * dim);
            for mode in [Mode::Mean, Mode::Max] {
                let bags = bags_of_three(&ids, &table, dim, mode);
                let grad = Rows::new(&grad[..count.div_ceil(3) * dim], count.div_ceil(3), dim);
                check_entries(rule, options, row_oracle, &before, &[Entry::new(&bags, grad).unwrap()]);
            }
        }
    }
}

/// Most rows of so few ids occur once, with a factor where bags are means.
fn bags_of_three<T: Element>(ids: &[i64], table: &[T], dim: usize, mode: Mode) -> RowGrad<T> {
    let offsets: Vec<_> = (0..ids.len() as i64).step_by(3).chain([ids.len() as i64]).collect();
    let bags = Bags::check(Ids::check(ids, ROWS).unwrap(), &offsets, true).unwrap();
    RowGrad::bags(bags, Rows::new(table, ROWS, dim), &Pooling { mode, sample_weights: None, padding: None }).unwrap()
}

fn check_entries<T: Element + Rounding + std::fmt::Debug, R: Rule<T>>(
    rule: &R,
    options: &Options<'_, T>,
    row_oracle: RowOracle,
    before: &Parameter<T>,
    entries: &[Entry<'_, T>],
) {
    let dim = before.dim;
    let after = at_every_setting(|| {
        let mut parameter = before.clone();
        update_rows(rule, parameter.tables(rule), entries, options).unwrap();
        parameter
    });
    let coalesced = Coalesced::new(entries, ROWS, dim).unwrap();
    let mut sums = vec![T::ZERO; coalesced.ids().len() * dim];
    coalesced.sum_into(RowsMut::new(&mut sums, coalesced.ids().len(), dim));
    let gradient = |row| {
        let k = coalesced.ids().binary_search(&row).ok()?;
        Some(sums[k * dim..(k + 1) * dim].to_vec())
    };
    assert_updated(before, &after, rule.state_dims(dim), gradient, options, row_oracle);
}

#[test]
fn the_norm_of_a_gradient_counts_factors() {
    let bags = bags_of_three(&[0, 1, 1], &[0.0; ROWS], 1, Mode::Mean);
    let grad = [6.0];
    let entries = [Entry::new(&bags, Rows::new(&grad, 1, 1)).unwrap()];
    let norm = at_every_setting(|| grad_sq_norm(Grad::Rows(&entries), ROWS, 1, &plain()).unwrap());
    assert_eq!(norm, 2.0f64.powi(2) + 4.0f64.powi(2));
}

fn check_dense<T: Element + Rounding + std::fmt::Debug, R: Rule<T>>(
    rule: &R,
    options: &Options<'_, T>,
    row_oracle: RowOracle,
) {
    let mut random = Random::new(7);
    for dim in DIMS {
        let before = Parameter::new(&mut random, rule, dim);
        let grad = random.values::<T>(ROWS * dim);
        let after = at_every_setting(|| {
            let mut parameter = before.clone();
            update_dense(rule, parameter.tables(rule), Rows::new(&grad, ROWS, dim), options).unwrap();
            parameter
        });
        let gradient = |row| Some(grad[row * dim..(row + 1) * dim].to_vec());
        assert_updated(&before, &after, rule.state_dims(dim), gradient, options, row_oracle);
    }
}

fn battery<T: Element + Rounding + std::fmt::Debug>() {
    let row_lr: Vec<_> = (0..ROWS).map(|row| T::from_f64([1.0, 0.0, 0.5][row % 3])).collect();
    let half = T::from_f64(0.5);
    let all = [
        plain(),
        Options { padding: Some(0), ..plain() },
        Options { row_lr: Some(&row_lr), ..plain() },
        Options { weight_decay: half, grad_scale: half, ..plain() },
        Options { max_norm: Some(0.75), padding: Some(1), row_lr: Some(&row_lr), ..plain() },
    ];
    for options in &all {
        check_rows(&Sgd::<T>::new(LR).unwrap(), options, sgd);
        check_rows(&Adagrad::<T>::new(LR, EPS).unwrap(), options, adagrad);
        check_rows(&RowWiseAdagrad::<T>::new(LR, EPS).unwrap(), options, rowwise);
        check_rows(&Adam::<T>::rows(LR, BETAS, EPS, STEP).unwrap(), options, sparse_adam);
        check_rows(&Adadelta::<T>::new(LR, RHO, EPS).unwrap(), options, adadelta);
        check_dense(&Sgd::<T>::new(LR).unwrap(), options, sgd);
        check_dense(&Adagrad::<T>::new(LR, EPS).unwrap(), options, adagrad);
        check_dense(&RowWiseAdagrad::<T>::new(LR, EPS).unwrap(), options, rowwise);
        check_dense(&Adam::<T>::dense(LR, BETAS, EPS, STEP).unwrap(), options, dense_adam);
        check_dense(&Adadelta::<T>::new(LR, RHO, EPS).unwrap(), options, adadelta);
    }
}

#[test]
fn f32_rules() {
    battery::<f32>();
}

#[test]
fn f64_rules() {
    battery::<f64>();
}

#[test]
fn the_norm_counts_each_row_once_and_frozen_rows_never() {
    let route = RowGrad::<f32>::per_id(Ids::check(&[3i64, 1, 3, 0, 2], 4).unwrap(), 2, Some(0));
    let grad = [1.0, 2.0, 5.0, 0.0, 2.0, 2.0, 50.0, 50.0, 70.0, 70.0];
    let entries = [Entry::new(&route, Rows::new(&grad, 5, 2)).unwrap()];
    let row_lr = [1.0, 1.0, 0.0, 2.0];
    let options = Options { row_lr: Some(&row_lr), ..plain() };
    let norm = at_every_setting(|| grad_sq_norm(Grad::Rows(&entries), 4, 2, &options).unwrap());
    assert_eq!(norm, 9.0 + 16.0 + 25.0);
    let dense = at_every_setting(|| grad_sq_norm(Grad::Dense(Rows::new(&grad[..8], 4, 2)), 4, 2, &options).unwrap());
    assert_eq!(dense, 1.0 + 4.0 + 25.0 + 5000.0);
}

#[test]
fn clipping_alone_leaves_infinite_weights_infinite() {
    let rule = Sgd::<f32>::new(0.5).unwrap();
    let mut weight = [f32::INFINITY, 1.0];
    let tables = Tables::new(&rule, RowsMut::new(&mut weight, 1, 2), [None, None]).unwrap();
    let options = Options { grad_scale: 0.5, ..plain() };
    update_dense(&rule, tables, Rows::new(&[1.0, 1.0], 1, 2), &options).unwrap();
    assert_eq!(weight, [f32::INFINITY, 0.75]);
}

#[test]
fn numbers_outside_their_range_are_refused() {
    let bad = [f64::NAN, f64::INFINITY, -1.0];
    for bad in bad {
        assert!(matches!(Sgd::<f32>::new(bad), Err(Error::Number { what: "lr", .. })));
        assert!(matches!(Adagrad::<f32>::new(0.1, bad), Err(Error::Number { what: "eps", .. })));
        assert!(matches!(Adam::<f32>::rows(0.1, (bad, 0.9), 0.1, 1), Err(Error::Number { what: "betas[0]", .. })));
        assert!(matches!(Adadelta::<f32>::new(0.1, bad, 0.1), Err(Error::Number { what: "rho", .. })));
    }
    assert!(matches!(Adam::<f32>::dense(0.1, (0.9, 1.0), 0.1, 1), Err(Error::Number { what: "betas[1]", .. })));
    assert!(matches!(Adam::<f32>::dense(0.1, (0.9, 0.9), 0.1, 0), Err(Error::Number { what: "step", .. })));
    // Finite as float64, infinite as float32.
    assert!(matches!(Sgd::<f32>::new(1e39), Err(Error::Number { what: "lr", .. })));
    assert!(Sgd::<f64>::new(1e39).is_ok());
    assert!(matches!(Adam::<f32>::rows(1e38, (0.999, 0.0), 0.1, 1), Err(Error::Number { .. })));
    assert!(Sgd::<f32>::adding(-1.0).is_ok());
    assert!(matches!(Sgd::<f32>::adding(f64::NAN), Err(Error::Number { what: "alpha", .. })));
}

#[test]
fn a_refused_update_changes_nothing() {
    let rule = Adagrad::<f32>::new(0.5, 0.1).unwrap();
    let before = Parameter::new(&mut Random::new(8), &rule, 3);
    let mut parameter = before.clone();
    let route = RowGrad::<f32>::per_id(Ids::check(&[0i64], ROWS + 1).unwrap(), 3, None);
    let entries = [Entry::new(&route, Rows::new(&[1.0, 1.0, 1.0], 1, 3)).unwrap()];
    assert!(matches!(update_rows(&rule, parameter.tables(&rule), &entries, &plain()), Err(Error::Shape { .. })));
    for options in [
        Options { weight_decay: f32::NAN, ..plain() },
        Options { grad_scale: f32::INFINITY, ..plain() },
        Options { max_norm: Some(0.0), ..plain() },
    ] {
        assert!(matches!(update_rows(&rule, parameter.tables(&rule), &[], &options), Err(Error::Number { .. })));
    }
    let short = [1.0f32; 3];
    let options = Options { row_lr: Some(&short), ..plain() };
    assert!(matches!(update_rows(&rule, parameter.tables(&rule), &[], &options), Err(Error::Shape { got: 3, .. })));
    for bad in [f32::NAN, -1.0, f32::INFINITY] {
        let mut row_lr = [1.0f32; ROWS];
        row_lr[0] = bad;
        row_lr[1] = bad;
        let options = Options { row_lr: Some(&row_lr), ..plain() };
        let refused = |ids: &[i64], parameter: &mut Parameter<f32>| {
            let route = RowGrad::<f32>::per_id(Ids::check(ids, ROWS).unwrap(), 3, None);
            let entries = [Entry::new(&route, Rows::new(&[1.0; 6], 2, 3)).unwrap()];
            update_rows(&rule, parameter.tables(&rule), &entries, &options)
        };
        assert!(matches!(refused(&[2, 0], &mut parameter), Err(Error::RowLr { row: 0, .. })));
        assert!(refused(&[2, 3], &mut parameter.clone()).is_ok(), "rows that are not touched need no rate");
    }
    let grad = [1.0f32; 6];
    let refused = update_dense(&rule, parameter.tables(&rule), Rows::new(&grad, 2, 3), &plain());
    assert!(matches!(refused, Err(Error::Shape { got: 2, wanted: ROWS, .. })));
    assert_eq!(parameter, before);
}
