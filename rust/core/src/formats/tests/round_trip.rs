//! What is saved reads back: the same words, the same bits.

use std::fmt::Debug;

use super::{Folder, Made, go_on, save, words};
use crate::formats::{Format, FormatError, Number, ReadOptions, Table, read_vectors};
use proptest::prelude::*;

fn back<T: Number>(format: Format, table: &Made<T>) -> Result<Table<T>, FormatError> {
    let folder = Folder::new();
    save(&folder.path(), format, table)?;
    read_vectors(&folder.path(), &ReadOptions::default(), &mut go_on)
}

#[test]
fn float32_values_whose_shortest_text_is_a_tie_survive() {
    // Known hard case of rounding twice, and the ends of the range.
    let values = vec![7.038_531e-26_f32, f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1), -0.0, 16_777_216.0];
    for format in [Format::Glove, Format::Word2vec] {
        let table = back(format, &Made::new(&["a", "b"], values.clone())).unwrap();
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&table.values), bits(&values));
    }
}

#[test]
fn words_with_spaces_and_numbers_survive_where_a_reader_can_tell() {
    let table = Made::new(&["the", "", " a", "a b", "66", "route 66", "ça\u{a0}va", "\u{2028}"], vec![1.5_f64; 16]);
    for format in [Format::Glove, Format::Word2vec] {
        assert_eq!(words(&back(format, &table).unwrap()), table.words);
    }
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,6}", "[0-9. -]{0,4}", "\\PC{0,5}", any::<String>()]
}

fn table<T: Number + Debug>(value: impl Strategy<Value = T> + 'static) -> impl Strategy<Value = Made<T>> {
    (1usize..5, prop::collection::hash_set(word(), 1..12)).prop_flat_map({
        let value = value.boxed();
        move |(dim, words)| {
            let count = dim * words.len();
            (Just(words), prop::collection::vec(value.clone(), count)).prop_map(move |(words, values)| Made {
                words: words.into_iter().collect(),
                values,
                dim,
            })
        }
    })
}

/// The same words and bits come back, or the table was refused for a word or for rows that no reader could tell.
fn survives<T: Number + Debug>(made: &Made<T>) -> Result<(), TestCaseError> {
    for format in [Format::Glove, Format::Word2vec] {
        match back(format, made) {
            Ok(read) => {
                prop_assert_eq!(words(&read), made.words.iter().map(String::as_str).collect::<Vec<_>>());
                let bytes = bytemuck::cast_slice::<T, u8>;
                prop_assert_eq!(bytes(&read.values), bytes(&made.values));
            }
            Err(FormatError::Word { index, .. }) => {
                let word = &made.words[index];
                let refused = word.contains(['\n', '\r', '\0']) || word.starts_with('\u{feff}') || word.ends_with(' ');
                let numbers = word.split(' ').skip(1).filter(|field| field.parse::<f64>().is_ok()).count();
                prop_assert!(refused || numbers > 1, "{:?}", word);
            }
            Err(FormatError::Ambiguous { .. }) => {
                prop_assert!(made.words.iter().any(|word| word.contains(' ')));
            }
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
    Ok(())
}

/// Any finite value: bits, so that every exponent is as likely as any other.
fn f32s() -> impl Strategy<Value = f32> {
    any::<u32>().prop_map(f32::from_bits).prop_filter("finite", |value| value.is_finite())
}

fn f64s() -> impl Strategy<Value = f64> {
    any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |value| value.is_finite())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_float32_table_survives(made in table(f32s())) {
        survives(&made)?;
    }

    #[test]
    fn any_float64_table_survives(made in table(f64s())) {
        survives(&made)?;
    }
}
