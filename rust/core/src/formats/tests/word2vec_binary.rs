//! word2vec's binary format: what is read, and what is said of bad files.

use super::{Folder, Made, gzip, read, read_as, read_with, refusal, save, words};
use crate::formats::{EncodingErrors, Format, ReadOptions, WordSet, Words, read_vectors};
use crate::parallel::{num_threads, set_num_threads};
use proptest::prelude::*;

/// A file as word2vec's own program writes it, or, without `newline`, as others do.
fn file(rows: &[(&str, &[f32])], newline: bool) -> Vec<u8> {
    let mut bytes = format!("{} {}\n", rows.len(), rows[0].1.len()).into_bytes();
    for (word, values) in rows {
        bytes.extend_from_slice(word.as_bytes());
        bytes.push(b' ');
        values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
        bytes.extend(newline.then_some(b'\n'));
    }
    bytes
}

const ROWS: [(&str, &[f32]); 4] = [
    ("the", &[0.5, -1.25, 3.0]),
    ("of", &[1e-3, 2.0, 0.0]),
    ("ça", &[f32::MIN, f32::INFINITY, -0.0]),
    ("", &[1.0, 2.0, 4.0]),
];

fn values() -> Vec<f32> {
    ROWS.iter().flat_map(|(_, values)| values.iter().copied()).collect()
}

#[test]
fn both_conventions_are_told_and_read_alike() {
    for newline in [false, true] {
        for pack in [false, true] {
            let bytes = file(&ROWS, newline);
            let bytes = if pack { gzip(&bytes) } else { bytes };
            for table in [read(&bytes).unwrap(), read_as(Format::Word2vecBinary, &bytes).unwrap()] {
                assert_eq!(words(&table), ["the", "of", "ça", ""]);
                assert_eq!(table.values, values());
                assert_eq!(
                    (table.info.format, table.info.promised, table.info.rows),
                    (Format::Word2vecBinary, Some(4), 4)
                );
            }
        }
    }
}

#[test]
fn text_with_bad_numbers_is_no_binary_file() {
    // Numbers of 3 characters take 4 bytes each with their separators, so that rows of bytes would come out even.
    for (text, said) in [
        ("3 2\nthe 0,1 0,2\nof 0,3 0,4\nto 0,5 0,6\n", "line 2: number 1 is \"0,1\": wanted a finite number"),
        ("3 2\nthe 0,1 0.2\nof 0.3 0.4\nto 0.5 0.6\n", "line 2: number 1 is \"0,1\": wanted a finite number"),
        ("2 3\nthe ??? 0.2 0.3\nof 0.3 0.4 0.1\n", "line 2: number 1 is \"???\": wanted a finite number"),
        ("2 2\nça é,1 é,2\né 1 2\n", "line 2: number 1 is \"é,1\": wanted a finite number"),
    ] {
        assert_eq!(refusal(read(text)), said);
    }
}

#[test]
fn values_of_no_zero_byte_are_told_too() {
    let tenths = vec![0.1_f32; 300];
    let names: Vec<String> = (0..300).map(|row| format!("w{row}")).collect();
    let rows: Vec<(&str, &[f32])> = names.iter().map(|name| (name.as_str(), &tenths[..])).collect();
    let bytes = file(&rows, true);
    assert!(bytes.len() > 1 << 18 && !bytes.contains(&0));
    assert_eq!(read(&bytes).unwrap().info.format, Format::Word2vecBinary);
    let folder = Folder::new();
    save(&folder.path(), Format::Word2vecBinary, &Made::new(&["a"], tenths)).unwrap();
}

#[test]
fn values_of_letters_need_the_formats_name() {
    // 12.078431: a float32 whose bytes are letters.
    let letters = f32::from_le_bytes(*b"AAAA");
    let bytes = file(&[("a", &[letters, letters]), ("b", &[letters, letters])], true);
    assert_eq!(refusal(read(&bytes)), "line 2: found 1 numbers, wanted 2");
    assert_eq!(words(&read_as(Format::Word2vecBinary, &bytes).unwrap()), ["a", "b"]);
    let refused = save(&Folder::new().path(), Format::Word2vecBinary, &Made::new(&["a"], vec![letters]));
    assert!(refusal(refused).starts_with("these words or values would make a reader take the file for another format"));
}

#[test]
fn counts_repeats_and_choices_are_as_in_text() {
    let rows: [(&str, &[f32]); 4] = [("a", &[1.0]), ("b", &[2.0]), ("a", &[3.0]), ("c", &[4.0])];
    let bytes = file(&rows, true);
    let table = read(&bytes).unwrap();
    assert_eq!((words(&table), &table.values[..], table.info.repeated), (vec!["a", "b", "c"], &[1.0, 2.0, 4.0][..], 1));
    let vocabulary = Some(["c", "b", "zebra"].into_iter().collect::<WordSet>());
    let some = read_with(&bytes, &ReadOptions { vocabulary, ..ReadOptions::default() }).unwrap();
    assert_eq!((words(&some), &some.values[..], some.info.rows), (vec!["b", "c"], &[2.0, 4.0][..], 4));
    let first = read_with(&bytes, &ReadOptions { limit: Some(2), ..ReadOptions::default() }).unwrap();
    assert_eq!((words(&first), first.info.rows), (vec!["a", "b"], 2));
    let wrong = [b"5 1\n", &bytes[4..]].concat();
    assert_eq!(refusal(read(&wrong)), "the header promises 5 words, the file has 4");
    assert_eq!(read_as(Format::Word2vecBinary, &wrong).unwrap().info.rows, 4);
    assert_eq!(read_with(&wrong, &ReadOptions { limit: Some(3), ..ReadOptions::default() }).unwrap().info.rows, 3);
}

#[test]
fn bad_utf8_is_refused_replaced_or_left_out() {
    let mut bytes = file(&[("the", &[1.0, 2.0]), ("caXe", &[3.0, 4.0])], false);
    let at = bytes.iter().position(|&byte| byte == b'X').unwrap();
    bytes[at] = 0xe9;
    let with = |encoding_errors| read_with(&bytes, &ReadOptions { encoding_errors, ..ReadOptions::default() });
    assert_eq!(refusal(with(EncodingErrors::Strict)), format!("byte {at}: the word \"ca\\xe9e\" is not UTF-8"));
    assert_eq!(words(&with(EncodingErrors::Replace).unwrap()), ["the", "ca\u{fffd}e"]);
    assert_eq!(words(&with(EncodingErrors::Ignore).unwrap()), ["the", "cae"]);
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for newline in [false, true] {
        let whole = file(&ROWS, newline);
        for cut in 0..whole.len() - usize::from(newline) {
            assert!(read(&whole[..cut]).is_err(), "cut at {cut}");
            if cut > 4 {
                // To name the format overrides the count, not a row without its end.
                if let Ok(table) = read_as(Format::Word2vecBinary, &whole[..cut]) {
                    assert_eq!(table.values, values()[..table.values.len()], "cut at {cut}");
                    assert!(matches!(whole[cut..].first(), Some(b'\n' | b't' | b'o' | 0xc3 | b' ')), "cut at {cut}");
                }
            }
        }
    }
    let cut = file(&ROWS, false);
    let said = "byte 4: the file ends inside a row: found 13 bytes, wanted a word, a space and 3 float32 values";
    assert_eq!(refusal(read(&cut[..17])), said);
}

#[test]
fn a_word_without_an_end_is_refused() {
    let mut bytes = b"2 1\na \0\0\0\0".to_vec();
    bytes.resize(bytes.len() + (1 << 20) + 2, b'x');
    assert_eq!(refusal(read(&bytes)), "byte 10: found no end of the word within 1048576 bytes: wanted a space");
    assert_eq!(
        refusal(read("1000000000000 1000000\na \0\0\0")),
        "byte 22: the file ends inside a row: found 5 bytes, wanted a word, a space and 1000000 float32 values"
    );
}

#[test]
fn what_could_not_be_read_back_is_not_written() {
    let folder = Folder::new();
    for (word, value, said) in [
        ("a b", 1.0, "word 1, \"a b\", cannot be written: it holds a space, which ends a word in this format"),
        ("\na", 1.0, "word 1, \"\\na\", cannot be written: it starts with a line break, which readers pass"),
        (
            "a",
            1e39,
            "word 1, \"a\": value 0 is 1000000000000000000000000000000000000000: wanted a finite number that the format can hold",
        ),
    ] {
        let table = Made::new(&["ok", word], vec![1.0, value]);
        assert_eq!(refusal(save(&folder.path(), Format::Word2vecBinary, &table)), said);
        assert!(folder.names().is_empty());
    }
    let none = Made::<f32> { words: Vec::new(), values: Vec::new(), dim: 3 };
    save(&folder.path(), Format::Word2vecBinary, &none).unwrap();
    assert_eq!(read_vectors::<f32>(&folder.path(), &ReadOptions::default(), &mut super::go_on).unwrap().dim, 3);
}

#[test]
fn pieces_and_threads_do_not_show() {
    let names: Vec<String> = (0..500).map(|row| format!("word{row}")).collect();
    let numbers: Vec<f32> = (0..500 * 7).map(|at| at as f32 * 0.37 - 600.0).collect();
    let made = Made::new(&names.iter().map(String::as_str).collect::<Vec<_>>(), numbers.clone());
    let folder = Folder::new();
    let before = num_threads();
    for format in [Format::Word2vecBinary, Format::Word2vec, Format::Glove, Format::FastText] {
        save(&folder.path(), format, &made).unwrap();
        for threads in [1, 3] {
            set_num_threads(threads).unwrap();
            let table = read_vectors::<f32>(&folder.path(), &ReadOptions::default(), &mut super::go_on).unwrap();
            assert_eq!(table.values, numbers);
            assert_eq!(*table.words.words(), names.iter().map(String::as_str).collect::<Words>());
        }
    }
    set_num_threads(before as i128).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_bit_for_bit(
        rows in prop::collection::btree_map("[^ \n\0][^ \0]{0,9}", prop::collection::vec(any::<f32>(), 3), 1..20),
    ) {
        let mut rows = rows;
        rows.insert("zero".into(), vec![0.0; 3]); // A zero byte, by which the format is told.
        let listed: Vec<&str> = rows.keys().map(String::as_str).collect();
        let numbers: Vec<f32> = rows.values().flatten().copied().collect();
        let folder = Folder::new();
        save(&folder.path(), Format::Word2vecBinary, &Made::new(&listed, numbers.clone())).unwrap();
        let table = read_vectors::<f32>(&folder.path(), &ReadOptions::default(), &mut super::go_on).unwrap();
        prop_assert_eq!(words(&table), listed);
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&table.values), bits(&numbers));
    }
}
