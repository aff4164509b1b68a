//! Parts cover all rows once, whatever the cuts.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::at_every_setting;
use crate::error::Error;
use crate::parallel::{Cuts, PerProcess, even_cuts, for_each_index, for_each_part, num_threads, set_num_threads};
use crate::rows::RowsMut;

/// Enough traffic that workers are woken.
const PLENTY: usize = usize::MAX;

#[test]
fn every_row_is_in_one_part() {
    for rows in [0, 1, 7, 100] {
        for step in [1, 3, 100, 1000] {
            let seen = at_every_setting(|| {
                let (mut first, mut second) = (vec![0u32; rows * 2], vec![0u32; rows]);
                let mut tables = [RowsMut::new(&mut first, rows, 2), RowsMut::new(&mut second, rows, 1)];
                for_each_part(&mut tables, Cuts::Every(step), PLENTY, |part, start, [mut first, mut second]| {
                    assert_eq!(start, part * step);
                    for row in 0..first.rows() {
                        first.row_mut(row)[1] += (start + row) as u32;
                        second.row_mut(row)[0] += 1;
                    }
                });
                (first, second)
            });
            assert_eq!(seen.1, vec![1; rows]);
            assert!(seen.0.chunks(2).enumerate().all(|(row, values)| values == [0, row as u32]));
        }
    }
}

#[test]
fn starts_leave_the_rows_before_them_alone() {
    let mut table = vec![0u8; 10];
    for_each_part(&mut [RowsMut::new(&mut table, 10, 1)], Cuts::At(&[2, 2, 5]), PLENTY, |part, start, [mut rows]| {
        for row in 0..rows.rows() {
            rows.row_mut(row)[0] = 10 * part as u8 + start as u8;
        }
    });
    assert_eq!(table, [0, 0, 12, 12, 12, 25, 25, 25, 25, 25]);
}

#[test]
#[should_panic(expected = "cuts ascend")]
fn falling_starts_are_refused() {
    let mut table = vec![0u8; 10];
    for_each_part(&mut [RowsMut::new(&mut table, 10, 1)], Cuts::At(&[5, 2]), 0, |_, _, _| ());
}

proptest! {
    #[test]
    fn even_cuts_are_even(lengths in prop::collection::vec(0usize..50, 0..80), step in 1usize..60) {
        let mut starts = vec![0];
        for length in &lengths {
            starts.push(starts[starts.len() - 1] + length + 1);
        }
        let cuts = even_cuts(lengths.len(), step, |i| starts[i]);
        prop_assert_eq!(cuts[0], 0);
        for (n, &cut) in cuts.iter().enumerate() {
            let end = cuts.get(n + 1).copied().unwrap_or(lengths.len());
            prop_assert!(cut < end || lengths.is_empty());
            // No part can lose its last item and still hold a step of work.
            prop_assert!(end <= cut + 1 || starts[end - 1] - starts[cut] < step);
        }
    }
}

#[test]
fn threads_are_counted_from_one() {
    for bad in [0, 1025] {
        assert!(matches!(set_num_threads(bad), Err(Error::Number { .. })));
    }
    assert!(num_threads() >= 1);
}

#[test]
fn every_index_comes_once() {
    let counts: Vec<_> = (0..500).map(|_| AtomicUsize::new(0)).collect();
    for_each_index(500, PLENTY, |index| {
        counts[index].fetch_add(1, Ordering::Relaxed);
    });
    assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
}

#[test]
fn a_process_makes_its_value_once() {
    static VALUE: PerProcess<Mutex<u32>> = PerProcess::new();
    *VALUE.get(|| Mutex::new(1)).lock().unwrap() += 1;
    assert_eq!(*VALUE.get(|| Mutex::new(100)).lock().unwrap(), 2);
}
