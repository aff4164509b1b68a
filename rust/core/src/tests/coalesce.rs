//! Sums of repeated ids against the oracle, for every source of gradients.

use super::inputs::Random;
use super::{DIMS, Rounding, at_every_setting, oracle};
use crate::bag::{Mode, Pooling};
use crate::coalesce::Coalesced;
use crate::element::Element;
use crate::error::Error;
use crate::grad::{Entry, RowGrad};
use crate::ids::{Bags, Ids};
use crate::rows::{Rows, RowsMut};

fn battery<T: Element + Rounding + std::fmt::Debug>() {
    let mut random = Random::new(5);
    let rows = 40;
    for dim in DIMS {
        for (count, bag_count) in [(0, 2), (1, 1), (30, 7), (1500, 90)] {
            let table = random.values::<T>(rows * dim);
            let (ids, bag_ids) = (random.ids(count, rows), random.ids(count, rows));
            let offsets = random.offsets(bag_count, count);
            let (grad, bag_grad) = (random.values::<T>(count * dim), random.values::<T>(bag_count * dim));
            let weights = random.values::<T>(count);
            for (mode, padding, weighted) in [
                (Mode::Sum, None, false),
                (Mode::Sum, Some(0), true),
                (Mode::Mean, Some(1), false),
                (Mode::Max, None, false),
                (Mode::Max, Some(0), false),
            ] {
                let found = at_every_setting(|| {
                    let per_id = RowGrad::<T>::per_id(Ids::check(&ids, rows).unwrap(), dim, padding);
                    let bags = Bags::check(Ids::check(&bag_ids, rows).unwrap(), &offsets, true).unwrap();
                    let pooling = Pooling { mode, sample_weights: weighted.then_some(&weights[..]), padding };
                    let per_bag = RowGrad::bags(bags, Rows::new(&table, rows, dim), &pooling).unwrap();
                    let entries = [
                        Entry::new(&per_id, Rows::new(&grad, count, dim)).unwrap(),
                        Entry::new(&per_bag, Rows::new(&bag_grad, bag_count, dim)).unwrap(),
                        Entry::new(&per_id, Rows::new(&grad, count, dim)).unwrap(),
                    ];
                    let coalesced = Coalesced::new(&entries, rows, dim).unwrap();
                    let mut sums = vec![T::ONE; coalesced.ids().len() * dim];
                    coalesced.sum_into(RowsMut::new(&mut sums, coalesced.ids().len(), dim));
                    (coalesced.ids().to_vec(), sums)
                });
                let wide = |values: &[T]| values.iter().map(|value| value.to_f64()).collect::<Vec<_>>();
                let plain = || {
                    ids.iter()
                        .enumerate()
                        .filter(|(_, id)| Some(**id as usize) != padding)
                        .map(|(i, &id)| oracle::Part { id: id as usize, value: wide(&grad[i * dim..(i + 1) * dim]) })
                };
                let weights = if weighted { wide(&weights) } else { vec![1.0; count] };
                let bag_ids: Vec<_> = bag_ids.iter().map(|&id| id as usize).collect();
                let offsets: Vec<_> = offsets.iter().map(|&offset| offset as usize).collect();
                let of_bags = oracle::bag_parts(
                    &wide(&table),
                    dim,
                    &bag_ids,
                    &offsets,
                    &weights,
                    mode,
                    padding,
                    &wide(&bag_grad),
                );
                let parts: Vec<_> = plain().chain(of_bags).chain(plain()).collect();
                let mut unique: Vec<_> = parts.iter().map(|part| part.id).collect();
                unique.sort_unstable();
                unique.dedup();
                assert_eq!(found.0, unique);
                for (k, &id) in unique.iter().enumerate() {
                    let (sum, size, terms) = oracle::summed(&parts, id, dim).unwrap();
                    for d in 0..dim {
                        // Each part is rounded twice (the factor and the product), then summed in order.
                        let bound = (terms + 3) as f64 * T::UNIT * size[d];
                        let error = (found.1[k * dim + d].to_f64() - sum[d]).abs();
                        assert!(error <= bound, "{mode:?}, row {id}, column {d}: off by {error}, bound {bound}");
                    }
                }
            }
        }
    }
}

#[test]
fn f32_sums() {
    battery::<f32>();
}

#[test]
fn f64_sums() {
    battery::<f64>();
}

#[test]
fn frequency_divides_each_part() {
    let ids = Ids::check(&[2i64, 1, 2, 0, 2, 0], 3).unwrap();
    let route = RowGrad::<f64>::per_id(ids, 1, Some(0)).scaled_by_frequency().unwrap();
    let entries = [Entry::new(&route, Rows::new(&[3.0, 5.0, 6.0, 100.0, 9.0, 100.0], 6, 1)).unwrap()];
    let coalesced = Coalesced::new(&entries, 3, 1).unwrap();
    let mut sums = [0.0; 2];
    coalesced.sum_into(RowsMut::new(&mut sums, 2, 1));
    assert_eq!(coalesced.ids(), [1, 2]);
    assert_eq!(sums[0], 5.0);
    assert!((sums[1] - 6.0).abs() < 1e-14);
}

#[test]
fn maxima_have_no_frequency() {
    let bags = Bags::check(Ids::check(&[0i64, 0], 1).unwrap(), &[0i64, 2], true).unwrap();
    let pooling = Pooling { mode: Mode::Max, sample_weights: None, padding: None };
    let route = RowGrad::bags(bags, Rows::new(&[1.0f32], 1, 1), &pooling).unwrap();
    assert!(matches!(route.scaled_by_frequency(), Err(Error::FrequencyOfMax)));
}

#[test]
fn entries_that_do_not_fit_are_refused() {
    let route = |rows| RowGrad::<f32>::per_id(Ids::check(&[0i64, 1], rows).unwrap(), 3, None);
    let grad = [0.0f32; 9];
    let (small, large) = (route(4), route(5));
    assert!(matches!(Entry::new(&small, Rows::new(&grad, 3, 3)), Err(Error::Shape { got: 3, wanted: 2, .. })));
    assert!(matches!(Entry::new(&small, Rows::new(&grad[..8], 2, 4)), Err(Error::Shape { got: 4, wanted: 3, .. })));
    let fits = |route| Entry::new(route, Rows::new(&grad[..6], 2, 3)).unwrap();
    let mixed = [fits(&small), fits(&large)];
    assert!(matches!(Coalesced::new(&mixed, 4, 3), Err(Error::Shape { got: 4, wanted: 5, .. })));
    let padded = RowGrad::<f32>::per_id(Ids::check(&[0i64, 1], 4).unwrap(), 3, Some(1));
    let mixed = [fits(&small), fits(&padded)];
    assert!(matches!(Coalesced::new(&mixed, 4, 3), Err(Error::MixedPadding)));
}
