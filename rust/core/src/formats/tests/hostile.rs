//! Files made to break a reader.

use super::{gzip, read, refusal, words};
use crate::formats::limits::MAX_LINE;
use crate::formats::{Format, FormatError};
use proptest::prelude::*;

#[test]
fn a_header_of_a_million_million_words_allocates_nothing() {
    // As a size this header is 4 * 10^18 bytes: an allocation from it would abort the test.
    let table = "1000000000000 1000000\na 1 2\n";
    assert_eq!(refusal(read(table)), "line 2: found 2 numbers, wanted 1000000");
    assert_eq!(refusal(read("1000000000000 2\na 1 2\n")), "the header promises 1000000000000 words, the file has 1");
    for header in ["5 99999999999999999999999", "99999999999999999999999 5", "5 1048577"] {
        assert!(refusal(read(format!("{header}\na 1 2\n"))).contains("out of range"), "{header}");
    }
}

#[test]
fn a_line_without_an_end_is_refused() {
    let mut bytes = b"a 1\n".to_vec();
    bytes.resize(bytes.len() + MAX_LINE + 2, b'x');
    assert_eq!(refusal(read(&bytes)), format!("line 2: longer than {MAX_LINE} bytes"));
    assert_eq!(refusal(read(gzip(&bytes[4..]))), format!("line 1: longer than {MAX_LINE} bytes"));
    // With an end it is too long all the same, wherever the file is cut into waves.
    bytes.extend_from_slice(b" 2\n");
    assert_eq!(refusal(read(&bytes)), format!("line 2: longer than {MAX_LINE} bytes"));
    assert_eq!(refusal(read(&bytes[4..])), format!("line 1: longer than {MAX_LINE} bytes"));
    assert_eq!(read(&bytes[8..]).unwrap().words.words().len(), 1);
}

#[test]
fn a_long_row_grows_the_buffer() {
    let dim = 200_000;
    let table = read(format!("a{}\nb{}\n", " 0.125".repeat(dim), " 2.5".repeat(dim))).unwrap();
    assert_eq!((words(&table), table.values.len(), table.dim), (vec!["a", "b"], 2 * dim, dim));
    assert_eq!(table.info.format, Format::Glove);
}

#[test]
fn a_file_cut_anywhere_gives_an_error_or_whole_rows_before_the_cut() {
    let header = "4 3\nthe 0.5 -1.25 3\n. . . 1e-3 2 0\n2008 1 2 3\nça 25.5 -3 12\n";
    let (_, bare) = header.split_once('\n').unwrap();
    for (text, promised) in [(header, true), (bare, false)] {
        let whole = read(text).unwrap();
        for cut in 0..text.len() {
            let bytes = &text.as_bytes()[..cut];
            let Ok(part) = read(bytes) else { continue };
            // Only the last number may have lost digits; a cut that leaves no line break is reported.
            assert_eq!(part.info.final_newline, bytes.ends_with(b"\n"), "cut at {cut}");
            if promised {
                assert_eq!(part.words.words(), whole.words.words(), "cut at {cut}");
            }
            let first_line = text.find('\n').unwrap();
            if !promised && cut < first_line {
                continue; // A first row without its end has no width but its own.
            }
            let sure = part.values.len() - usize::from(!part.info.final_newline);
            assert_eq!(part.values[..sure], whole.values[..sure], "cut at {cut}");
            assert_eq!(words(&part), words(&whole)[..part.words.words().len()], "cut at {cut}");
        }
    }
}

#[test]
fn a_gzip_file_cut_anywhere_is_refused() {
    let packed = gzip("4 3\nthe 0.5 -1.25 3\nof 1e-3 2 0\nto 1 2 3\nin 25.5 -3 12\n".as_bytes());
    for cut in 0..packed.len() {
        let error = read(&packed[..cut]).unwrap_err();
        match cut {
            0 => assert!(matches!(error, FormatError::Empty { .. })),
            1 => assert!(matches!(error, FormatError::NoNumbers { .. })),
            _ => assert!(matches!(error, FormatError::GzipCut { .. }), "cut at {cut}: {error}"),
        }
    }
}

#[test]
fn a_repeated_word_with_a_bad_number_is_an_error() {
    for last in ["x 2", "1 x", "1e39 2"] {
        assert!(refusal(read(format!("a 1 2\nb 3 4\na {last}\n"))).starts_with("line 3: number "), "{last}");
    }
}

#[test]
fn a_zero_byte_is_named_by_its_place_in_the_file() {
    for (text, byte) in [("a 1\nb \0\n", 6), ("\u{feff}a 1\nb \0\n", 9), ("\u{feff}2 1\na 1\nb 1\n\0", 15)] {
        assert_eq!(refusal(read(text)), format!("not a text file of vectors: a zero byte at byte {byte}"));
    }
}

#[test]
fn a_damaged_gzip_file_is_refused() {
    let packed = gzip("the 0.5 -1.25 3\nof 1e-3 2 0\n".as_bytes());
    for at in 10..packed.len() {
        let mut bytes = packed.clone();
        bytes[at] ^= 0x55;
        let error = read(bytes).unwrap_err();
        assert!(matches!(error, FormatError::GzipDamaged { .. } | FormatError::GzipCut { .. }), "byte {at}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_give_a_table_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(table) = read(&bytes) {
            prop_assert_eq!(table.values.len(), table.words.words().len() * table.dim);
        }
    }

    #[test]
    fn any_mutation_of_a_file_gives_whole_rows_or_an_error(
        changes in prop::collection::vec((0usize..60, any::<u8>()), 1..4),
        header in any::<bool>(),
    ) {
        let text = "4 3\nthe 0.5 -1.25 3\n. . . 1e-3 2 0\n2008 1 2 3\nof 2 -3 1\n";
        let mut bytes = text.as_bytes()[if header { 0 } else { 4 }..].to_vec();
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        if let Ok(table) = read(&bytes) {
            prop_assert_eq!(table.values.len(), table.words.words().len() * table.dim);
            prop_assert!(table.values.iter().all(|value| value.is_finite()));
        }
    }
}
