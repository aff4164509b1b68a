//! Bags against the oracle.

use super::inputs::Random;
use super::{DIMS, Rounding, at_every_setting, oracle};
use crate::bag::{Mode, NO_POSITION, Pooling, SEGMENT, argmax, embedding_bag};
use crate::element::Element;
use crate::error::Error;
use crate::ids::{Bags, Ids};
use crate::rows::{Rows, RowsMut};

struct Case<T> {
    table: Vec<T>,
    dim: usize,
    rows: usize,
    ids: Vec<i64>,
    offsets: Vec<i64>,
    weights: Vec<T>,
}

impl<T: Element> Case<T> {
    fn new(random: &mut Random, dim: usize, count: usize, bags: usize) -> Self {
        let rows = 60;
        Self {
            table: random.values(rows * dim),
            dim,
            rows,
            ids: random.ids(count, rows),
            offsets: random.offsets(bags, count),
            weights: random.values(count),
        }
    }

    fn bags(&self) -> Bags {
        Bags::check(Ids::check(&self.ids, self.rows).unwrap(), &self.offsets, true).unwrap()
    }

    fn pooled(&self, mode: Mode, weighted: bool, padding: Option<usize>) -> Vec<T> {
        let bags = self.bags();
        let mut out = vec![T::ONE; bags.len() * self.dim];
        let pooling = Pooling { mode, sample_weights: weighted.then_some(&self.weights), padding };
        let to = RowsMut::new(&mut out, bags.len(), self.dim);
        embedding_bag(&bags, Rows::new(&self.table, self.rows, self.dim), &pooling, to).unwrap();
        out
    }

    fn assert_pooled(&self, mode: Mode, weighted: bool, padding: Option<usize>)
    where
        T: Rounding + std::fmt::Debug,
    {
        let found = at_every_setting(|| self.pooled(mode, weighted, padding));
        let table: Vec<_> = self.table.iter().map(|value| value.to_f64()).collect();
        let sizes: Vec<_> = table.iter().map(|value| value.abs()).collect();
        for (bag, range) in self.offsets.windows(2).enumerate() {
            let members: Vec<_> = (range[0] as usize..range[1] as usize)
                .filter(|&i| Some(self.ids[i] as usize) != padding)
                .map(|i| (self.ids[i] as usize, if weighted { self.weights[i].to_f64() } else { 1.0 }))
                .collect();
            let wanted = oracle::pooled(&table, self.dim, &members, mode);
            let absolute: Vec<_> = members.iter().map(|&(id, weight)| (id, weight.abs())).collect();
            let size = oracle::pooled(&sizes, self.dim, &absolute, mode);
            // A sum of k terms in order, each a product: at most (k + 2) units of the sum of sizes, to first order.
            let bound = if mode == Mode::Max { 0.0 } else { (members.len() + 3) as f64 * T::UNIT };
            for d in 0..self.dim {
                let error = (found[bag * self.dim + d].to_f64() - wanted[d]).abs();
                assert!(error <= bound * size[d], "bag {bag}, column {d}: off by {error}, bound {}", bound * size[d]);
            }
        }
    }
}

fn battery<T: Element + Rounding + std::fmt::Debug>() {
    let mut random = Random::new(3);
    for dim in DIMS {
        for (count, bags) in [(0, 3), (1, 1), (40, 9), (2000, 130)] {
            let case = Case::<T>::new(&mut random, dim, count, bags);
            for padding in [None, Some(0), Some(1)] {
                case.assert_pooled(Mode::Sum, false, padding);
                case.assert_pooled(Mode::Sum, true, padding);
                case.assert_pooled(Mode::Mean, false, padding);
                case.assert_pooled(Mode::Max, false, padding);
            }
        }
    }
}

#[test]
fn f32_bags() {
    battery::<f32>();
}

#[test]
fn f64_bags() {
    battery::<f64>();
}

#[test]
fn long_bags_are_cut() {
    let mut random = Random::new(4);
    let mut case = Case::<f32>::new(&mut random, 17, 3 * SEGMENT + 5, 1);
    case.offsets = vec![0, 0, 3, SEGMENT as i64 + 3, 3 * SEGMENT as i64 + 4, 3 * SEGMENT as i64 + 5];
    for mode in [Mode::Sum, Mode::Mean, Mode::Max] {
        case.assert_pooled(mode, false, Some(2));
    }
    case.assert_pooled(Mode::Sum, true, None);
    case.ids.fill(2);
    case.assert_pooled(Mode::Max, false, Some(2));
}

#[test]
fn a_nan_is_the_maximum_wherever_it_stands() {
    let nan = f32::NAN;
    let table = [1.0, nan, 2.0, -1.0, 3.0, nan];
    for ids in [[0i64, 1, 2], [1, 0, 2], [2, 0, 1]] {
        let bags = Bags::check(Ids::check(&ids, 3).unwrap(), &[0i64, 3], true).unwrap();
        let pooling = Pooling { mode: Mode::Max, sample_weights: None, padding: None };
        let mut out = [0.0f32; 2];
        embedding_bag(&bags, Rows::new(&table, 3, 2), &pooling, RowsMut::new(&mut out, 1, 2)).unwrap();
        assert_eq!(out[0], 3.0);
        assert!(out[1].is_nan());
        let holders = argmax(&bags, Rows::new(&table, 3, 2), None).unwrap();
        assert_eq!(ids[holders[0] as usize], 2);
        let first_nan = ids.iter().position(|&id| id != 1).unwrap();
        assert_eq!(holders[1] as usize, first_nan, "the first NaN holds the maximum");
    }
}

#[test]
fn the_first_of_equal_maxima_holds_it() {
    let table = [1.0f64, 5.0, 5.0, f64::NEG_INFINITY];
    let bags = Bags::check(Ids::check(&[0i64, 2, 1, 3, 3, 0], 4).unwrap(), &[0i64, 3, 3, 5, 6], true).unwrap();
    let holders = at_every_setting(|| argmax(&bags, Rows::new(&table, 4, 1), Some(0)).unwrap().to_vec());
    assert_eq!(holders, [1, NO_POSITION, 3, NO_POSITION]);
}

#[test]
fn sample_weights_are_for_sums() {
    let bags = Bags::check(Ids::check(&[0i64, 0], 1).unwrap(), &[0i64, 2], true).unwrap();
    let mut out = [0.0f32];
    for mode in [Mode::Mean, Mode::Max] {
        let pooling = Pooling { mode, sample_weights: Some(&[1.0, 2.0]), padding: None };
        let refused = embedding_bag(&bags, Rows::new(&[1.0], 1, 1), &pooling, RowsMut::new(&mut out, 1, 1));
        assert!(matches!(refused, Err(Error::SampleWeights)));
    }
    let pooling = Pooling { mode: Mode::Sum, sample_weights: Some(&[1.0]), padding: None };
    let refused = embedding_bag(&bags, Rows::new(&[1.0], 1, 1), &pooling, RowsMut::new(&mut out, 1, 1));
    assert!(matches!(refused, Err(Error::Shape { got: 1, wanted: 2, .. })));
}
