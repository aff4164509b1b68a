//! Words that a file keeps apart from its table.

use std::path::Path;

use crate::formats::{EncodingErrors, FormatError, PickedWords, ReadOptions, pick_packed_words, pick_word_lines};
use proptest::prelude::*;

fn listed(picked: &PickedWords) -> Vec<&str> {
    (0..picked.words.words().len()).map(|index| picked.words.words().text(index)).collect()
}

fn packed(block: &[u8], offsets: &[i64], options: &ReadOptions) -> Result<PickedWords, FormatError> {
    pick_packed_words(Path::new("v"), block, offsets, 100, options)
}

fn lines(text: &[u8], options: &ReadOptions) -> Result<(PickedWords, u64), FormatError> {
    pick_word_lines(Path::new("v"), text, options)
}

fn only(words: &[&str]) -> ReadOptions {
    ReadOptions { vocabulary: Some(words.iter().copied().collect()), ..ReadOptions::default() }
}

#[test]
fn the_first_of_each_word_is_kept_and_rows_say_where_it_was() {
    let all = packed(b"abcab", &[0, 2, 3, 3, 5], &ReadOptions::default()).unwrap();
    assert_eq!((listed(&all), &all.rows, all.repeated, all.looked), (vec!["ab", "c", ""], &Some(vec![0, 1, 2]), 1, 4));
    let all = packed(b"abc", &[0, 2, 3], &ReadOptions::default()).unwrap();
    assert_eq!((listed(&all), &all.rows, all.repeated), (vec!["ab", "c"], &None, 0));
    let some = packed(b"abcdcb", &[0, 1, 2, 3, 4, 5, 6], &only(&["c", "b", "z"])).unwrap();
    assert_eq!((listed(&some), &some.rows, some.repeated), (vec!["b", "c"], &Some(vec![1, 2]), 2));
}

#[test]
fn lines_are_words_and_all_are_counted() {
    let text = "\u{feff}the\r\nof a\n\nthe\nça".as_bytes();
    let (all, count) = lines(text, &ReadOptions::default()).unwrap();
    assert_eq!(
        (listed(&all), all.rows.as_deref(), all.repeated, count),
        (vec!["the", "of a", "", "ça"], Some(&[0, 1, 2, 4][..]), 1, 5)
    );
    let (two, count) = lines(text, &ReadOptions { limit: Some(2), ..ReadOptions::default() }).unwrap();
    assert_eq!((listed(&two), two.rows.as_deref(), two.looked, count), (vec!["the", "of a"], None, 2, 5));
    for (text, count) in [(&b""[..], 0), (b"\n", 1), (b"\n\n", 2), (b"a", 1), (b"a\n", 1)] {
        assert_eq!(lines(text, &ReadOptions::default()).unwrap().1, count, "{text:?}");
    }
}

#[test]
fn what_is_not_utf8_is_told_or_replaced() {
    let strict = ReadOptions::default();
    assert_eq!(
        packed(b"acaf\xe9", &[0, 1, 5], &strict).unwrap_err().to_string(),
        "v: byte 104: the word \"caf\\xe9\" is not UTF-8"
    );
    assert_eq!(
        lines(b"a\ncaf\xe9\n", &strict).unwrap_err().to_string(),
        "v: line 2: the word \"caf\\xe9\" is not UTF-8 (byte 3 of the line)"
    );
    // Cut inside a character: neither half is one.
    assert!(packed("é".as_bytes(), &[0, 1, 2], &strict).is_err());
    let lax = ReadOptions { encoding_errors: EncodingErrors::Replace, ..ReadOptions::default() };
    assert_eq!(listed(&lines(b"caf\xe9\n", &lax).unwrap().0), ["caf\u{fffd}"]);
}

#[test]
fn offsets_that_do_not_rise_are_refused() {
    for (offsets, position) in [
        (vec![], 0),
        (vec![1, 3], 0),
        (vec![0, 2], 1),
        (vec![0, 4], 1),
        (vec![0, 2, 1, 3], 2),
        (vec![0, -1, 3], 1),
        (vec![0, i64::MAX, 3], 1),
        (vec![0, i64::MIN, 3], 1),
    ] {
        let said = packed(b"abc", &offsets, &ReadOptions::default()).unwrap_err().to_string();
        assert!(said.starts_with(&format!("v: the offset of word {position} is ")), "{offsets:?}: {said}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_offsets_and_bytes_give_words_or_an_error(
        block in prop::collection::vec(any::<u8>(), 0..20),
        offsets in prop::collection::vec(prop_oneof![0i64..20, any::<i64>()], 0..6),
    ) {
        if let Ok(picked) = packed(&block, &offsets, &ReadOptions::default()) {
            prop_assert_eq!(picked.words.words().len() as u64 + picked.repeated, picked.looked);
            prop_assert_eq!(picked.looked as usize, offsets.len().saturating_sub(1));
        }
        let (picked, count) = lines(&block, &ReadOptions { encoding_errors: EncodingErrors::Ignore, ..ReadOptions::default() }).unwrap();
        prop_assert_eq!(picked.looked, count);
    }
}
