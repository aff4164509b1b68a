//! Every way in which ids and offsets can be wrong.

use crate::error::{Error, OffsetRule};
use crate::ids::{Bags, Ids, Values, padding_row};

fn refused<I: crate::ids::RawId>(raw: &[I], rows: usize) -> (usize, i128) {
    match Ids::check(raw, rows) {
        Err(Error::IdOutOfRange { position, value, rows: said }) => {
            assert_eq!(said, rows);
            (position, value)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_bad_id_is_named() {
    assert_eq!(refused(&[0i64, 4, 5, 6], 5), (2, 5));
    assert_eq!(refused(&[0i64, -1], 5), (1, -1));
    assert_eq!(refused(&[i64::MIN], 5), (0, i128::from(i64::MIN)));
    assert_eq!(refused(&[i64::MAX], 5), (0, i128::from(i64::MAX)));
    assert_eq!(refused(&[u64::MAX], 5), (0, i128::from(u64::MAX)));
    assert_eq!(refused(&[3i8, -128], 5), (1, -128));
    assert_eq!(refused(&[1u32 << 31], 1 << 31), (0, 1 << 31));
    assert_eq!(refused(&[1i64 << 32], 1 << 32), (0, 1 << 32));
    assert_eq!(refused(&[0i32], 0), (0, 0));
    let mut long = vec![7i32; 5000];
    long[4321] = 9;
    assert_eq!(refused(&long, 9), (4321, 9));
}

#[test]
fn ids_are_narrow_as_long_as_the_rows_fit() {
    let narrow = Ids::check(&[u64::from(u32::MAX)], 1 << 32).unwrap();
    assert!(matches!(narrow.values(), Values::Narrow(ids) if ids[..] == [u32::MAX]));
    let wide = Ids::check(&[1u64 << 32], (1 << 32) + 1).unwrap();
    assert!(matches!(wide.values(), Values::Wide(ids) if ids[..] == [1 << 32]));
}

#[test]
fn no_ids_fit_any_table() {
    assert!(Ids::check::<i64>(&[], 0).unwrap().is_empty());
}

fn offsets_refused(offsets: &[i64], include_last: bool) -> (usize, i128, OffsetRule) {
    let ids = Ids::check(&[0i64; 5], 1).unwrap();
    match Bags::check(ids, offsets, include_last) {
        Err(Error::Offsets { position, value, wanted }) => (position, value, wanted),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_bad_offset_is_named_with_what_was_wanted() {
    assert_eq!(offsets_refused(&[1, 5], true), (0, 1, OffsetRule::StartsAtZero));
    assert_eq!(offsets_refused(&[-1, 5], true), (0, -1, OffsetRule::StartsAtZero));
    assert_eq!(offsets_refused(&[0, 3, 2, 5], true), (2, 2, OffsetRule::NotBelow(3)));
    assert_eq!(offsets_refused(&[0, 3, -2, 5], true), (2, -2, OffsetRule::NotBelow(3)));
    assert_eq!(offsets_refused(&[0, 6], true), (1, 6, OffsetRule::NotAbove(5)));
    assert_eq!(offsets_refused(&[0, 4], true), (1, 4, OffsetRule::EndsAt(5)));
    assert_eq!(offsets_refused(&[0], true), (0, 0, OffsetRule::EndsAt(5)));
    assert_eq!(offsets_refused(&[0, 6], false), (1, 6, OffsetRule::NotAbove(5)));
    let ids = Ids::check(&[0i64; 5], 1).unwrap();
    assert!(matches!(Bags::check::<i64>(ids, &[], false), Err(Error::NoOffsets)));
    let none = Ids::check::<i64>(&[], 1).unwrap();
    assert!(matches!(Bags::check::<i64>(none, &[], true), Err(Error::NoOffsets)));
}

#[test]
fn both_forms_of_offsets_cut_alike() {
    let ids = || Ids::check(&[0i64; 5], 1).unwrap();
    let with_last = Bags::check(ids(), &[0i32, 2, 2, 5], true).unwrap();
    let without = Bags::check(ids(), &[0u8, 2, 2], false).unwrap();
    assert_eq!(with_last.starts(), [0, 2, 2, 5]);
    assert_eq!(without.starts(), with_last.starts());
    let none = Bags::check::<i64>(Ids::check::<i64>(&[], 1).unwrap(), &[], false).unwrap();
    assert!(none.is_empty());
}

#[test]
fn padding_counts_from_either_end() {
    assert_eq!(padding_row(0, 5).unwrap(), 0);
    assert_eq!(padding_row(-1, 5).unwrap(), 4);
    assert_eq!(padding_row(-5, 5).unwrap(), 0);
    for bad in [5, -6, i128::MIN, i128::MAX] {
        assert!(matches!(padding_row(bad, 5), Err(Error::PaddingOutOfRange { value, rows: 5 }) if value == bad));
    }
}

#[test]
fn ids_without_a_table_are_bounded_by_the_largest() {
    assert_eq!(Ids::check_alone(&[4u8, 9, 0]).unwrap().rows(), 10);
    assert_eq!(Ids::check_alone::<i64>(&[]).unwrap().rows(), 0);
    let refused = |raw: &[i64]| match Ids::check_alone(raw) {
        Err(Error::IdOutsideAnyTable { position, value }) => (position, value),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&[3, -1]), (1, -1));
    assert_eq!(refused(&[i64::MAX]), (0, i128::from(i64::MAX)));
    assert!(matches!(Ids::check_alone(&[u64::MAX]), Err(Error::IdOutsideAnyTable { position: 0, .. })));
}
