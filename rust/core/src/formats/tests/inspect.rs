//! Files with bad rows, read as far as they go.

use super::{Folder, go_on, gzip, refusal};
use crate::formats::{Faults, FormatError, ReadOptions, Table, inspect_vectors, read_vectors};
use proptest::prelude::*;

fn inspect(bytes: impl AsRef<[u8]>) -> Result<(Table<f32>, Faults), FormatError> {
    let folder = Folder::new();
    inspect_vectors(&folder.with(bytes), &ReadOptions::default(), &mut go_on)
}

/// The words, the values, and what is said of the rest, without the path.
fn told(bytes: impl AsRef<[u8]>) -> (Vec<String>, Vec<f32>, u64, Vec<String>, Option<String>) {
    let (table, faults) = inspect(bytes).unwrap();
    let said = |fault| refusal(Err::<(), _>(fault));
    let words = super::words(&table).into_iter().map(str::to_owned).collect();
    (words, table.values, faults.rows, faults.first.into_iter().map(said).collect(), faults.end.map(said))
}

#[test]
fn bad_rows_are_told_and_the_others_read() {
    let text = b"9 2\na 1 2\nb 1\nc 3 x\ncaf\xe9 5 6\n\n\nroute 66 1 x\nd 7 8\ne 1 2 3 4 5\nf 9 1e99\na 0 0";
    let (words, values, bad, faults, end) = told(text);
    assert_eq!((words, values, bad, end), (vec!["a".into(), "d".into()], vec![1.0, 2.0, 7.0, 8.0], 7, None));
    assert_eq!(
        faults,
        [
            "line 3: found 1 numbers, wanted 2",
            "line 4: number 2 is \"x\": wanted a finite number",
            "line 5: the word \"caf\\xe9\" is not UTF-8 (byte 3 of the line)",
            "line 6: found 0 numbers, wanted 2",
            "line 8: number 2 is \"x\": wanted a finite number",
            "line 10: found 5 numbers, wanted 2 after the word \"e 1 2 3\"",
            "line 11: number 2 is \"1e99\": out of the range of float32",
        ]
    );
    let (table, _) = inspect(text).unwrap();
    assert_eq!((table.info.promised, table.info.rows, table.info.repeated), (Some(9), 3, 1));
    assert_eq!((table.info.numbered, table.info.final_newline), (0, false));
}

#[test]
fn the_first_faults_are_kept_in_order_and_all_are_counted() {
    let text: String =
        (0..500).map(|row| if row % 2 == 0 { format!("w{row} 1 2\n") } else { "bad 1\n".into() }).collect();
    let (words, _, bad, faults, end) = told(&text);
    assert_eq!((words.len(), bad, faults.len(), end), (250, 250, Faults::MOST, None));
    let lines: Vec<String> = (1..=Faults::MOST).map(|n| format!("line {}: found 1 numbers, wanted 2", 2 * n)).collect();
    assert_eq!(faults, lines);
}

#[test]
fn what_ends_the_reading_is_told_with_the_rows_before_it() {
    let mut bytes = b"3 1\n".to_vec();
    for word in ["a ", "caf\u{e9} ", "b "] {
        bytes.extend(word.chars().map(|c| c as u8));
        bytes.extend_from_slice(&1.5_f32.to_le_bytes());
    }
    let (words, values, bad, faults, end) = told(&bytes[..bytes.len() - 1]);
    assert_eq!((words, values, bad), (vec!["a".to_owned()], vec![1.5], 1));
    assert_eq!(faults, ["byte 13: the word \"caf\\xe9\" is not UTF-8"]);
    assert!(end.unwrap().starts_with("byte 19: the file ends inside a row"));
    let packed = gzip("the 1\n".repeat(100_000).as_bytes());
    let (_, _, bad, _, end) = told(&packed[..packed.len() - 4]);
    assert!(bad == 0 && end.unwrap().contains("gzip data is cut off"));
}

#[test]
fn nothing_is_said_of_what_is_no_file_of_vectors() {
    assert!(inspect("").is_err());
    assert!(inspect("2 2\na 1 2 3\nb 1 2 3\n").is_err());
    assert!(inspect_vectors::<f32>(std::path::Path::new("no such file"), &ReadOptions::default(), &mut go_on).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// What a strict reader reads is read the same, without faults; where it stops, there is a fault or an end.
    #[test]
    fn mutations_are_told_as_a_strict_reader_would(
        changes in prop::collection::vec((0usize..60, any::<u8>()), 0..4),
        header in any::<bool>(),
    ) {
        let text = "4 3\nthe 0.5 -1.25 3\n. . . 1e-3 2 0\n2008 1 2 3\nof 2 -3 1\n";
        let mut bytes = text.as_bytes()[if header { 0 } else { 4 }..].to_vec();
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        let folder = Folder::new();
        let path = folder.with(&bytes);
        let strict = read_vectors::<f32>(&path, &ReadOptions::default(), &mut go_on);
        match (strict, inspect_vectors::<f32>(&path, &ReadOptions::default(), &mut go_on)) {
            (Ok(table), Ok((lax, faults))) => {
                prop_assert!(faults.rows == 0 && faults.first.is_empty() && faults.end.is_none());
                prop_assert_eq!(table.info, lax.info);
                prop_assert_eq!(table.values, lax.values);
            }
            (Err(FormatError::HeaderRows { .. }), Ok((_, faults))) => prop_assert_eq!(faults.rows, 0),
            (Err(error), Ok((lax, faults))) => {
                prop_assert_eq!(lax.values.len(), lax.words.words().len() * lax.dim);
                let first = faults.first.into_iter().chain(faults.end).next().map(|fault| fault.to_string());
                prop_assert_eq!(first, Some(error.to_string()));
            }
            (strict, Err(error)) => prop_assert_eq!(strict.unwrap_err().to_string(), error.to_string()),
        }
    }
}
