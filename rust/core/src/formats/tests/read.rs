//! What is read from good files, and what is said of bad ones.

use super::{Folder, gzip, read, read_as, read_with, refusal, words};
use crate::formats::{EncodingErrors, FileInfo, Format, FormatError, ReadOptions, WordSet, read_vectors};
use std::ops::ControlFlow;

const GLOVE: &str = "the 0.5 -1.25 3\nof 1e-3 2 0\n";
const WORD2VEC: &str = "2 3\nthe 0.5 -1.25 3\nof 1e-3 2 0\n";

#[test]
fn both_layouts_are_told_apart_and_read_alike() {
    for (text, format, promised) in [(GLOVE, Format::Glove, None), (WORD2VEC, Format::Word2vec, Some(2))] {
        for bytes in [text.as_bytes().to_vec(), gzip(text.as_bytes()), [b"\xef\xbb\xbf", text.as_bytes()].concat()] {
            let table = read(bytes).unwrap();
            assert_eq!(words(&table), ["the", "of"]);
            assert_eq!(table.values, [0.5, -1.25, 3.0, 1e-3, 2.0, 0.0]);
            let info = FileInfo { format, promised, rows: 2, repeated: 0, numbered: 0, final_newline: true };
            assert_eq!((table.info, table.dim), (info, 3));
        }
    }
}

#[test]
fn gzip_members_follow_one_another() {
    let (first, second) = GLOVE.split_at(17);
    let table = read([gzip(first.as_bytes()), gzip(second.as_bytes())].concat()).unwrap();
    assert_eq!(words(&table), ["the", "of"]);
}

#[test]
fn line_ends_and_trailing_spaces_do_not_count() {
    let table = read("2 2 \r\na 1 2 \r\nb 3 4\t\r\n\r\n \n").unwrap();
    assert_eq!((words(&table), &table.values[..]), (vec!["a", "b"], &[1.0, 2.0, 3.0, 4.0][..]));
}

#[test]
fn the_last_fields_are_the_numbers_and_the_rest_is_the_word() {
    let table = read("the 1 2\n. . . 3 4\n2008 5 6\nroute 66 7 8\n 9 10\n").unwrap();
    assert_eq!(words(&table), ["the", ". . .", "2008", "route 66", ""]);
    assert_eq!(table.values, (1..=10u8).map(f32::from).collect::<Vec<_>>());
    let table = read("1 2\nroute 66 7 8\n").unwrap_err();
    assert!(matches!(table, FormatError::HeaderDim { promised: 2, found: 3, .. }), "{table}");
    assert_eq!(words(&read("2 2\nroute 66 7 8\nthe 1 2\n").unwrap()), ["route 66", "the"]);
}

#[test]
fn one_number_in_a_word_is_counted_also_where_the_word_is_not_kept() {
    let text = "the 1 2\nroute 66 3 4\nextra 0.3 5 6\n. . 7 8\n7 8 9\n";
    assert_eq!(read(text).unwrap().info.numbered, 2);
    let options = ReadOptions { vocabulary: Some(["the"].into_iter().collect::<WordSet>()), ..ReadOptions::default() };
    assert_eq!(read_with(text, &options).unwrap().info.numbered, 2);
    assert_eq!(
        refusal(read_with("the 1 2\nof 1 2\nb 1 2 3 4\n", &options)).split(',').next(),
        Some("line 3: found 4 numbers")
    );
}

#[test]
fn a_word_keeps_every_space_that_is_not_one() {
    let table = read("8\u{a0}1\\/2 1 2\na\tb 3 4\n\u{2028}x 5 6\n").unwrap();
    assert_eq!(words(&table), ["8\u{a0}1\\/2", "a\tb", "\u{2028}x"]);
}

#[test]
fn a_caller_may_name_the_format() {
    // One number a row, and a first word that is a number: only the caller can know.
    let text = "5 3\n7 4\n";
    let table = read_as(Format::Glove, text).unwrap();
    assert_eq!((words(&table), &table.values[..]), (vec!["5", "7"], &[3.0, 4.0][..]));
    assert_eq!(refusal(read_as(Format::Glove, WORD2VEC)), "line 1: found 1 numbers, wanted 3");
    assert_eq!(
        refusal(read_as(Format::Word2vec, GLOVE)),
        "line 1: found \"the 0.5 -1.25 3\": wanted a header of two counts, rows and dim"
    );
}

#[test]
fn the_first_of_repeated_words_wins_and_the_others_are_counted() {
    let table = read("4 1\na 1\nb 2\na 3\na 4\n").unwrap();
    assert_eq!(
        (words(&table), &table.values[..], table.info.rows, table.info.repeated),
        (vec!["a", "b"], &[1.0, 2.0][..], 4, 2)
    );
}

#[test]
fn only_the_wanted_words_are_kept() {
    let options = |limit| ReadOptions {
        vocabulary: Some(["of", "zebra", "in"].into_iter().collect::<WordSet>()),
        limit,
        ..ReadOptions::default()
    };
    // The numbers of words that nobody wants are counted but not parsed.
    let text = "the 1 2\nof 3 4\nto x y\nin 5 6\n";
    let table = read_with(text, &options(None)).unwrap();
    assert_eq!((words(&table), &table.values[..], table.info.rows), (vec!["of", "in"], &[3.0, 4.0, 5.0, 6.0][..], 4));
    let table = read_with(text, &options(Some(3))).unwrap();
    assert_eq!((words(&table), table.info.rows), (vec!["of"], 3));
    assert_eq!(refusal(read_with("a 1 2\nb 1\n", &options(None))), "line 2: found 1 numbers, wanted 2");
}

#[test]
fn a_limit_reads_the_first_rows_whatever_comes_after() {
    let options = |limit| ReadOptions { limit: Some(limit), ..ReadOptions::default() };
    for text in ["9 2\na 1 2\nb 3 4\nc x\n", "a 1 2\nb 3 4\nc x\n"] {
        assert_eq!(words(&read_with(text, &options(2)).unwrap()), ["a", "b"]);
        assert!(read_with(text, &options(0)).unwrap().values.is_empty());
    }
}

#[test]
fn empty_lines_are_no_rows_of_a_limit() {
    let with = |text: &str, limit| read_with(text, &ReadOptions { limit: Some(limit), ..ReadOptions::default() });
    for limit in [1, 2] {
        assert_eq!(refusal(with("\na 1 2\n", limit)), "line 1: found 0 numbers, wanted 2");
        assert_eq!(words(&with("a 1 2\n\n \n", limit).unwrap()), ["a"]);
    }
    assert_eq!(words(&with("a 1 2\n\nb 1 2\n", 1).unwrap()), ["a"]);
}

#[test]
fn two_spaces_behind_a_word_are_refused() {
    let said = "line 1: the word \"the \" ends in a space: wanted one space between word and numbers";
    assert_eq!(refusal(read("the  0.1 0.2\nof  0.3 0.4\n")), said);
}

#[test]
fn rows_wider_than_any_table_are_refused() {
    let text = format!("a{}\n", " 1".repeat((1 << 20) + 1));
    assert_eq!(refusal(read(text)), "the rows have 1048577 numbers: at most 1048576 are read");
}

#[test]
fn numbers_are_rounded_to_float64_and_then_cast() {
    // The float64 nearest to 7.038531e-26 lies halfway between two float32 values, so that rounding twice goes astray.
    assert_eq!(read("a 7.038531e-26\n").unwrap().values, [7.038_531e-26_f64 as f32]);
    assert_ne!(read("a 7.038531e-26\n").unwrap().values, [7.038_531e-26_f32]);
    let values = read("a -0 +1 .5 1. 1E2 1e-46\n").unwrap().values;
    assert_eq!(values.map_bits(), [-0.0, 1.0, 0.5, 1.0, 100.0, 0.0_f32].to_vec().map_bits());
}

trait Bits {
    fn map_bits(self) -> Vec<u32>;
}

impl Bits for Vec<f32> {
    fn map_bits(self) -> Vec<u32> {
        self.into_iter().map(f32::to_bits).collect()
    }
}

#[test]
fn errors_name_line_found_and_wanted() {
    for (text, said) in [
        ("a 1 2\nb 1\n", "line 2: found 1 numbers, wanted 2"),
        ("a 1 2\nb\n", "line 2: found 0 numbers, wanted 2"),
        ("a 1 2\n\nb 1 2\n", "line 2: found 0 numbers, wanted 2"),
        ("a 1 2\nb 5 6 1 2\nc 1 2\n", "line 2: found 4 numbers, wanted 2 after the word \"b 5 6\""),
        ("a 1 2\nb 1 2 c 1 2 d 1 2\n", "line 2: found 6 numbers, wanted 2 after the word \"b 1 2 c 1 2 d\""),
        ("2 2\na 1 2\nb 5 6 1 2\n", "line 3: found 4 numbers, wanted 2 after the word \"b 5 6\""),
        ("a 1 2\nb 1 x\n", "line 2: number 2 is \"x\": wanted a finite number"),
        ("a 1 2\nb  2\n", "line 2: number 1 is \"\": wanted a finite number"),
        ("a 1 2\nb nan 2\n", "line 2: number 1 is \"nan\": wanted a finite number"),
        ("a 1 2\nb 1 -inf\n", "line 2: number 2 is \"-inf\": wanted a finite number"),
        ("a 1 2\nb 1 1e39\n", "line 2: number 2 is \"1e39\": out of the range of float32"),
        ("a 1 2\nb 1 1e999\n", "line 2: number 2 is \"1e999\": out of the range of float32"),
        ("a 1,5 2,5\n", "line 1: found no numbers in \"a 1,5 2,5\": wanted a word and its numbers"),
        ("3 2\na 1 2\nb 1 2\n", "the header promises 3 words, the file has 2"),
        ("1 2\na 1 2\nb 1 2\nc 1 2\n", "the header promises 1 words, the file has 3"),
        ("2 3\na 1 2\nb 1 2\n", "line 2: found 2 numbers, wanted 3"),
        ("2 1\na 1 2\nb 1 2\n", "line 1: the header promises 1 numbers in a row, the rows have 2"),
        ("2 0\na\n", "line 1: the header \"2 0\" is out of range: wanted rows and dim, 1 <= dim <= 1048576"),
        ("", "the file is empty: wanted rows of a word and its numbers"),
        ("\n \n", "the file is empty: wanted rows of a word and its numbers"),
        ("3 2\n", "the header promises 3 words, the file has 0"),
        ("a \0\u{1}\n", "not a text file of vectors: a zero byte at byte 2"),
    ] {
        assert_eq!(refusal(read(text)), said, "{text:?}");
        if !text.is_empty() {
            assert_eq!(refusal(read(gzip(text.as_bytes()))), said, "{text:?}, packed");
        }
    }
}

#[test]
fn long_fields_are_shortened_and_escaped() {
    let text = refusal(read(format!("a 1 2\nb 1 {}\n", "é\t".repeat(5000))));
    assert_eq!(text, format!("line 2: number 2 is \"{}…\": wanted a finite number", "é\\t".repeat(20)));
}

#[test]
fn bad_utf8_is_refused_replaced_or_left_out() {
    let bytes = b"ok 1\nca\xe9f\xff\xfe 2\ncaf 3\n";
    let with = |encoding_errors| read_with(bytes, &ReadOptions { encoding_errors, ..ReadOptions::default() });
    assert_eq!(
        refusal(with(EncodingErrors::Strict)),
        "line 2: the word \"ca\\xe9f\\xff\\xfe\" is not UTF-8 (byte 2 of the line)"
    );
    let replaced = with(EncodingErrors::Replace).unwrap();
    assert_eq!(words(&replaced), ["ok", "ca\u{fffd}f\u{fffd}\u{fffd}", "caf"]);
    let ignored = with(EncodingErrors::Ignore).unwrap();
    assert_eq!((words(&ignored), ignored.info.repeated), (vec!["ok", "caf"], 1));
}

#[test]
fn a_missing_file_and_a_folder_are_told_by_the_system() {
    let folder = Folder::new();
    for path in [folder.path(), folder.0.clone()] {
        let error =
            read_vectors::<f32>(&path, &ReadOptions::default(), &mut |_| ControlFlow::Continue(())).unwrap_err();
        assert!(matches!(error, FormatError::Io { path: named, .. } if named == path));
    }
}

#[test]
fn the_hook_sees_the_bytes_and_can_stop() {
    let folder = Folder::new();
    let path = folder.with("a 1\n".repeat(5000));
    let mut seen = Vec::new();
    let mut look = |progress| {
        seen.push(progress);
        ControlFlow::Continue(())
    };
    read_vectors::<f32>(&path, &ReadOptions::default(), &mut look).unwrap();
    assert!(seen.len() > 10 && seen.is_sorted_by_key(|progress| (progress.rows, progress.bytes)));
    assert!(seen.iter().all(|progress| progress.total_bytes == 20_000 && progress.bytes <= 20_000));
    let stopped = read_vectors::<f32>(&path, &ReadOptions::default(), &mut |_| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(FormatError::Interrupted)));
}
