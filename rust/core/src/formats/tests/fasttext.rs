//! fastText models made here, byte by byte.

use std::fs::File;

use proptest::prelude::*;

use super::{Folder, go_on, gzip};
use crate::formats::{
    EncodingErrors, FastTextModel, FormatError, ModelKind, Ngrams, ReadOptions, read_fasttext_binary,
};

const DIM: usize = 3;

/// What is written into a model.
#[derive(Clone)]
struct Model {
    version: i32,
    kind: i32,
    words: Vec<Vec<u8>>,
    labels: Vec<Vec<u8>>,
    buckets: i32,
    shortest: i32,
    longest: i32,
    pruned: i64,
    quantised: u8,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            version: 12,
            kind: 2,
            words: ["</s>", "the", "ça", "東京"].map(|word| word.as_bytes().to_vec()).to_vec(),
            labels: Vec::new(),
            buckets: 5,
            shortest: 2,
            longest: 3,
            pruned: -1,
            quantised: 0,
        }
    }
}

impl Model {
    fn supervised() -> Self {
        Self { kind: 3, labels: vec![b"__label__a".to_vec(), b"__label__b".to_vec()], ..Self::default() }
    }

    /// Row `row` of the input matrix.
    fn row(row: usize) -> [f32; DIM] {
        std::array::from_fn(|column| ((row * DIM + column) * 37 % 64) as f32 / 31.0 - 1.0)
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let (words, labels) = (self.words.len() as i32, self.labels.len() as i32);
        let (dim, buckets) = (DIM as i32, self.buckets);
        let settings = [dim, 5, 5, 1, 5, 1, 2, self.kind, buckets, self.shortest, self.longest, 100];
        for number in [793_712_314, self.version].into_iter().chain(settings) {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(1e-4_f64.to_le_bytes());
        for number in [words + labels, words, labels] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(1000_i64.to_le_bytes());
        bytes.extend(self.pruned.to_le_bytes());
        for (kind, entries) in [(0, &self.words), (1, &self.labels)] {
            for entry in entries {
                bytes.extend(entry);
                bytes.push(0);
                bytes.extend(7_i64.to_le_bytes());
                bytes.push(kind);
            }
        }
        bytes.push(self.quantised);
        let rows = self.words.len() + buckets as usize;
        bytes.extend([rows as i64, DIM as i64].map(i64::to_le_bytes).as_flattened());
        (0..rows).for_each(|row| bytes.extend(Self::row(row).map(f32::to_le_bytes).as_flattened()));
        bytes.push(0);
        let rows = if self.kind == 3 { self.labels.len() } else { self.words.len() };
        bytes.extend([rows as i64, DIM as i64].map(i64::to_le_bytes).as_flattened());
        bytes.resize(bytes.len() + 4 * DIM * rows, 0);
        bytes
    }

    /// The mean that fastText makes, in float64.
    fn mean(rows: &[usize]) -> [f64; DIM] {
        std::array::from_fn(|column| {
            let sum: f64 = rows.iter().map(|&row| f64::from(Self::row(row)[column])).sum();
            sum / rows.len() as f64
        })
    }

    /// The vector of word `index` of the file.
    fn vector(&self, index: usize) -> [f64; DIM] {
        let ngrams = Ngrams::new(self.shortest.into(), self.longest.into(), self.buckets.into()).unwrap();
        let buckets = ngrams.rows(&self.words[index]);
        let rows: Vec<_> = buckets.iter().map(|&row| self.words.len() + row as usize).collect();
        Self::mean(&[vec![index], rows].concat())
    }
}

fn read_with(bytes: impl AsRef<[u8]>, options: &ReadOptions) -> Result<FastTextModel<f32>, FormatError> {
    let folder = Folder::new();
    read_fasttext_binary(&folder.with(bytes), options, &mut go_on)
}

fn read(model: &Model) -> Result<FastTextModel<f32>, FormatError> {
    read_with(model.bytes(), &ReadOptions::default())
}

/// What the error says behind the file's name.
fn said(outcome: Result<FastTextModel<f32>, FormatError>) -> String {
    let text = outcome.expect_err("the file is broken").to_string();
    text.split_once("vectors.txt: ").expect("the file is named").1.to_owned()
}

fn words(model: &FastTextModel<f32>) -> Vec<&str> {
    let words = model.table.words.words();
    (0..words.len()).map(|index| words.text(index)).collect()
}

/// At most 20 terms below 1, added and multiplied in float32.
#[track_caller]
fn assert_near(found: &[f32], wanted: [f64; DIM]) {
    for (found, wanted) in found.iter().zip(wanted) {
        assert!((f64::from(*found) - wanted).abs() < 25.0 * f64::from(f32::EPSILON), "{found} {wanted}");
    }
}

#[test]
fn words_are_means_of_their_rows_and_their_ngrams() {
    let model = Model::default();
    let found = read(&model).unwrap();
    assert_eq!(words(&found), ["</s>", "the", "ça", "東京"]);
    assert_eq!((found.kind, found.version, found.labels), (ModelKind::Skipgram, 12, 0));
    assert_eq!((found.table.dim, found.table.info.rows, found.table.info.promised), (DIM, 4, Some(4)));
    assert_eq!(found.table.values[..DIM], Model::row(0));
    for (index, values) in found.table.values.chunks(DIM).enumerate() {
        assert_near(values, model.vector(index));
    }
    let subwords = found.subwords.unwrap();
    assert_eq!((subwords.ngrams.shortest(), subwords.ngrams.longest(), subwords.ngrams.buckets()), (2, 3, 5));
    let rows: Vec<_> = (4..9).flat_map(Model::row).collect();
    assert_eq!(subwords.rows, rows);
}

#[test]
fn float64_means_are_made_in_float64() {
    let folder = Folder::new();
    let model = Model::default();
    let wide = read_fasttext_binary::<f64>(&folder.with(model.bytes()), &ReadOptions::default(), &mut go_on).unwrap();
    for (index, values) in wide.table.values.chunks(DIM).enumerate() {
        let near = |(found, wanted): (&f64, f64)| (found - wanted).abs() < 25.0 * f64::EPSILON;
        assert!(values.iter().zip(model.vector(index)).all(near));
    }
    let rows = (4..9).flat_map(Model::row).map(f64::from);
    assert!(wide.subwords.unwrap().rows.into_iter().eq(rows));
}

#[test]
fn models_without_character_ngrams_have_plain_rows() {
    let old = Model { version: 11, ..Model::supervised() };
    let no_buckets = Model { buckets: 0, ..Model::default() };
    let word_ngrams = Model { shortest: 0, longest: 0, ..Model::supervised() };
    let empty_range = Model { shortest: 4, longest: 3, ..Model::default() };
    for model in [old, no_buckets, word_ngrams, empty_range] {
        let found = read(&model).unwrap();
        assert!(found.subwords.is_none());
        assert_eq!(found.table.values, (0..4).flat_map(Model::row).collect::<Vec<_>>());
    }
}

#[test]
fn labels_are_no_words() {
    for kind in [1, 2, 3] {
        let found = read(&Model { kind, ..Model::supervised() }).unwrap();
        assert_eq!((words(&found).len(), found.labels), (4, 2));
        assert!(found.subwords.is_some());
    }
    assert_eq!(read(&Model::supervised()).unwrap().kind.name(), "supervised");
}

#[test]
fn a_vocabulary_picks_and_a_limit_stops() {
    let model = Model::default();
    let vocabulary = Some(["東京", "the", "missing"].into_iter().collect());
    let options = ReadOptions { vocabulary, ..ReadOptions::default() };
    let found = read_with(model.bytes(), &options).unwrap();
    assert_eq!(words(&found), ["the", "東京"]);
    assert_near(&found.table.values[..DIM], model.vector(1));
    assert_near(&found.table.values[DIM..], model.vector(3));
    assert_eq!(found.subwords.unwrap().rows.len(), 5 * DIM);
    let found = read_with(model.bytes(), &ReadOptions { limit: Some(2), ..options }).unwrap();
    assert_eq!((words(&found), found.table.info.rows), (vec!["the"], 2));
    let none = ReadOptions { limit: Some(0), ..ReadOptions::default() };
    assert!(read_with(model.bytes(), &none).unwrap().table.values.is_empty());
}

#[test]
fn ngrams_are_those_of_the_bytes_in_the_file() {
    let model = Model { words: [&b"caf\xe9"[..], b"caf\xe8", b"the"].map(<[u8]>::to_vec).to_vec(), ..Model::default() };
    assert_eq!(said(read(&model)), "byte 95: the word \"caf\\xe9\" is not UTF-8");
    let options = ReadOptions { encoding_errors: EncodingErrors::Replace, ..ReadOptions::default() };
    let found = read_with(model.bytes(), &options).unwrap();
    assert_eq!((words(&found), found.table.info.repeated), (vec!["caf\u{fffd}", "the"], 1));
    assert_near(&found.table.values[..DIM], model.vector(0));
    assert_near(&found.table.values[DIM..], model.vector(2));
    let options = ReadOptions { encoding_errors: EncodingErrors::Ignore, ..ReadOptions::default() };
    assert_eq!(words(&read_with(model.bytes(), &options).unwrap()), ["caf", "the"]);
}

#[test]
fn fields_that_cannot_be_are_named() {
    let bytes = Model::default().bytes();
    let matrix = bytes.len() - (4 * DIM * 4 + 17) - (4 * DIM * 9 + 17);
    let with = |at: usize, change: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + change.len()].copy_from_slice(change);
        said(read_with(bytes, &ReadOptions::default()))
    };
    let number = |at, value: i32| with(at, &value.to_le_bytes());
    assert_eq!(number(0, 1), "byte 0: the mark of the format is 1: wanted 793712314");
    assert_eq!(number(4, 13), "byte 4: the version of the format is 13: wanted 11 to 12");
    assert_eq!(number(8, 0), "byte 8: dim is 0: wanted 1 to 1048576");
    assert_eq!(number(36, 4), "byte 36: the number of the model's kind is 4: wanted 1 to 3");
    assert_eq!(number(40, -1), "byte 40: the number of buckets is -1: wanted 0 to 2147483647");
    assert_eq!(number(48, 257), "byte 48: the length of the longest n-grams is 257: wanted 0 to 256");
    assert_eq!(number(64, -4), "byte 64: the number of entries is -4: wanted 0 to 2147483647");
    assert_eq!(number(68, 5), "byte 68: the number of words is 5: wanted 0 to 4");
    assert_eq!(number(72, 1), "byte 72: the number of labels is 1: wanted 0");
    assert_eq!(number(40, 6), format!("byte {}: the number of rows of a matrix is 9: wanted 10", matrix + 1));
    assert_eq!(number(8, 4), format!("byte {}: the number of columns of a matrix is 3: wanted 4", matrix + 9));
    assert_eq!(with(105, &[1]), "byte 105: the kind of an entry, 0 for words and 1 for labels, is 1: wanted 0");
    assert_eq!(with(matrix, &[2]), format!("byte {matrix}: the mark of quantised models is 2: wanted 0 to 1"));
}

#[test]
fn what_is_no_longer_there_cannot_be_read() {
    let quantised = said(read(&Model { quantised: 1, ..Model::default() }));
    assert!(quantised.starts_with("this is a quantised fastText model"), "{quantised}");
    let pruned = said(read(&Model { pruned: 3, ..Model::default() }));
    assert!(pruned.starts_with("this is a pruned fastText model"), "{pruned}");
    assert_eq!(
        said(read(&Model { pruned: -2, ..Model::default() })),
        "byte 84: the number of pruned rows is -2: wanted -1 to 9223372036854775807"
    );
}

#[test]
fn promises_are_held_against_the_file() {
    // 2^31 - 1 buckets of 2^20 values, in 200 bytes.
    let mut bytes = Model { words: Vec::new(), ..Model::default() }.bytes();
    bytes[8..12].copy_from_slice(&(1_i32 << 20).to_le_bytes());
    bytes[40..44].copy_from_slice(&i32::MAX.to_le_bytes());
    bytes[93..101].copy_from_slice(&i64::from(i32::MAX).to_le_bytes());
    bytes[101..109].copy_from_slice(&(1_i64 << 20).to_le_bytes());
    let promised = (u64::from(u32::MAX) / 2) << 22;
    let left = bytes.len() - 109;
    let text = said(read_with(&bytes, &ReadOptions::default()));
    assert_eq!(text, format!("byte 109: the input matrix promises {promised} bytes, the file has {left} left"));
    // Packed, the size is not known: memory grows with what comes.
    let text = said(read_with(gzip(&bytes), &ReadOptions::default()));
    assert_eq!(text, format!("byte {}: the file ends inside a matrix", bytes.len()));
}

#[test]
fn a_model_ends_where_it_should() {
    for model in [Model::default(), Model::supervised()] {
        let bytes = model.bytes();
        let wanted = read(&model).unwrap().table.values;
        assert_eq!(read_with(gzip(&bytes), &ReadOptions::default()).unwrap().table.values, wanted);
        for length in 0..bytes.len() {
            for cut in [bytes[..length].to_vec(), gzip(&bytes[..length])] {
                let text = said(read_with(cut, &ReadOptions::default()));
                assert!(text.contains("the file ends inside") || text.contains("promises"), "{length}: {text}");
            }
        }
        let longer = [&bytes[..], b"\0"].concat();
        for longer in [gzip(&longer), longer] {
            let text = said(read_with(longer, &ReadOptions::default()));
            assert_eq!(text, format!("byte {}: the model ends here, the file goes on", bytes.len()));
        }
    }
}

#[test]
fn a_word_without_end_is_too_long() {
    let word = vec![b'x'; crate::formats::limits::MAX_WORD + 1];
    let text = said(read(&Model { words: vec![word.clone()], ..Model::default() }));
    assert_eq!(text, "byte 92: a word is longer than 1048576 bytes: wanted a zero byte at its end");
    let longest = Model { words: vec![word[1..].to_vec()], ..Model::default() };
    assert_eq!(words(&read(&longest).unwrap())[0].len(), word.len() - 1);
}

#[test]
fn the_hook_stops_it_at_every_call() {
    let folder = Folder::new();
    let path = folder.with(Model::default().bytes());
    let mut calls = 0;
    for stop in 0.. {
        calls = 0;
        let mut hook = |_| {
            calls += 1;
            if calls > stop { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
        };
        match read_fasttext_binary::<f32>(&path, &ReadOptions::default(), &mut hook) {
            Err(FormatError::Interrupted) => assert_eq!(calls, stop + 1),
            outcome => {
                outcome.unwrap();
                break;
            }
        }
    }
    assert!(calls >= 4, "{calls}");
}

#[test]
fn what_is_no_file_says_so() {
    let folder = Folder::new();
    let outcome = read_fasttext_binary::<f32>(&folder.path(), &ReadOptions::default(), &mut go_on);
    assert!(matches!(outcome, Err(FormatError::Io { .. })));
    File::create(folder.path()).unwrap();
    let outcome = read_fasttext_binary(&folder.path(), &ReadOptions::default(), &mut go_on);
    assert_eq!(said(outcome), "byte 0: the file ends inside the mark of the format");
}

#[derive(Clone, Debug)]
enum Change {
    Set(prop::sample::Index, u8),
    Flip(prop::sample::Index, u32),
    Remove(prop::sample::Index, usize),
    Insert(prop::sample::Index, Vec<u8>),
    Number(prop::sample::Index, i32),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let at = any::<prop::sample::Index>;
    let change = prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at(), 0..8_u32).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (at(), 1..20_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        (at(), prop::collection::vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        // The header is numbers of four bytes.
        (at(), prop_oneof![any::<i32>(), -2..300_i32]).prop_map(|(at, value)| Change::Number(at, value)),
    ];
    prop::collection::vec(change, 1..4)
}

fn changed(mut bytes: Vec<u8>, changes: Vec<Change>) -> Vec<u8> {
    for change in changes {
        let length = bytes.len().max(1);
        bytes.resize(length, 0);
        match change {
            Change::Set(at, byte) => bytes[at.index(length)] = byte,
            Change::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Change::Remove(at, count) => {
                let at = at.index(length);
                bytes.drain(at..(at + count).min(length));
            }
            Change::Insert(at, more) => {
                let at = at.index(length);
                bytes.splice(at..at, more);
            }
            Change::Number(at, value) => {
                let at = 4 * at.index(23);
                if at + 4 <= length {
                    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
                }
            }
        }
    }
    bytes
}

proptest! {
    #[test]
    fn changed_models_are_read_or_refused(
        changes in changes(), supervised in any::<bool>(), packed in any::<bool>(), replace in any::<bool>(),
    ) {
        let model = if supervised { Model::supervised() } else { Model::default() };
        let bytes = changed(model.bytes(), changes);
        let encoding_errors = if replace { EncodingErrors::Replace } else { EncodingErrors::Strict };
        let options = ReadOptions { encoding_errors, ..ReadOptions::default() };
        let most = bytes.len();
        match read_with(if packed { gzip(&bytes) } else { bytes }, &options) {
            Ok(model) => {
                let table = &model.table;
                prop_assert_eq!(table.values.len(), table.words.words().len() * table.dim);
                let ngrams = model.subwords.as_ref().map_or(0, |subwords| subwords.rows.len());
                // No row from nowhere: every value took four bytes of the file.
                prop_assert!(4 * (table.values.len() + ngrams) <= most);
                prop_assert!(model.subwords.is_none_or(|it| it.rows.len() == it.ngrams.buckets() * table.dim));
            }
            Err(error) => prop_assert!(error.to_string().contains("vectors.txt: ")),
        }
    }
}
