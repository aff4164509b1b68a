//! Grouping against an ordered map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::at_every_setting;
use super::inputs::Random;
use crate::group::{Groups, Marked};
use crate::ids::Ids;

fn assert_groups(ids: &[Vec<i64>], rows: usize, skipped: Option<usize>) {
    let checked: Vec<_> = ids.iter().map(|ids| Ids::check(ids, rows).unwrap()).collect();
    let lists: Vec<_> = checked.iter().map(Marked::by_position).collect();
    let groups = Groups::new(&lists, |row| Some(row) != skipped).unwrap();
    let mut wanted = BTreeMap::<usize, Vec<u32>>::new();
    for (position, &id) in ids.iter().flatten().enumerate() {
        if Some(id as usize) != skipped {
            wanted.entry(id as usize).or_default().push(position as u32);
        }
    }
    assert!(groups.rows().iter().eq(wanted.keys()));
    for (k, positions) in wanted.values().enumerate() {
        assert_eq!(groups.marks(k), positions);
    }
    assert_eq!(groups.start(groups.rows().len()), wanted.values().map(Vec::len).sum::<usize>());
}

proptest! {
    #[test]
    fn any_lists(
        lists in prop::collection::vec(prop::collection::vec(0i64..40, 0..60), 0..4),
        skipped in prop::option::of(0usize..40),
    ) {
        assert_groups(&lists, 40, skipped);
    }
}

/// Ids and non-decreasing marks with their end, as bags have them.
type MarkedIds = (Vec<i64>, Vec<u32>, usize);

fn marked(random: &mut Random, count: usize, rows: usize) -> MarkedIds {
    let marks: Vec<_> = (0..count as u32).map(|position| position / 3).collect();
    (random.ids(count, rows), marks, count / 3 + 2)
}

#[test]
fn marks_follow_the_order_of_appearance() {
    let mut random = Random::new(2);
    for count in [3, 50, 400, 3000] {
        let lists = [marked(&mut random, count, 90), marked(&mut random, count / 2, 90)];
        let mut wanted = BTreeMap::<usize, Vec<u32>>::new();
        let mut base = 0;
        for (ids, marks, end) in &lists {
            for (&id, &mark) in ids.iter().zip(marks) {
                wanted.entry(id as usize).or_default().push(base + mark);
            }
            base += *end as u32;
        }
        let checked: Vec<_> = lists.iter().map(|(ids, ..)| Ids::check(ids, 90).unwrap()).collect();
        let lists: Vec<_> = checked
            .iter()
            .zip(&lists)
            .map(|(ids, (_, marks, end))| Marked { ids, marks: Some(marks), end: *end })
            .collect();
        let found = at_every_setting(|| {
            let groups = Groups::new(&lists, |_| true).unwrap();
            (0..groups.rows().len()).map(|k| (groups.rows()[k], groups.marks(k).to_vec())).collect::<Vec<_>>()
        });
        assert!(found.into_iter().eq(wanted));
    }
}

#[test]
fn tables_of_every_size() {
    let mut random = Random::new(1);
    for bits in [1, 5, 10, 11, 12, 21, 22, 23, 31, 32, 33, 40] {
        for count in [0, 1, 100, 170, 600, 5000] {
            let rows = 1usize << bits;
            assert_groups(&[random.ids(count, rows), random.ids(count / 2, rows)], rows, Some(0));
        }
    }
}

#[test]
fn sorted_and_equal_ids() {
    assert_groups(&[(0..3000).collect()], 3000, None);
    assert_groups(&[(0..3000).rev().collect()], 3000, None);
    assert_groups(&[vec![7; 3000]], 3000, None);
    assert_groups(&[vec![0; 3000]], 1, None);
}
