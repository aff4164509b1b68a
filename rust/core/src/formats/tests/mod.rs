//! Files written into a folder of their own, read back through the public functions.

mod fasttext;
mod hostile;
mod inspect;
mod raw_words;
mod read;
mod round_trip;
mod safetensors;
mod word2vec_binary;
mod write;

use std::fs;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Format, FormatError, Hook, Number, Progress, ReadOptions, Table, Words, read_vectors, write_vectors};
use crate::rows::Rows;

/// A folder that goes away with its test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("finevec-test-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self) -> PathBuf {
        self.0.join("vectors.txt")
    }

    /// The file with these bytes.
    fn with(&self, bytes: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(), bytes).unwrap();
        self.path()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn read_with(bytes: impl AsRef<[u8]>, options: &ReadOptions) -> Result<Table<f32>, FormatError> {
    let folder = Folder::new();
    read_vectors(&folder.with(bytes), options, &mut go_on)
}

fn read(bytes: impl AsRef<[u8]>) -> Result<Table<f32>, FormatError> {
    read_with(bytes, &ReadOptions::default())
}

fn read_as(format: Format, bytes: impl AsRef<[u8]>) -> Result<Table<f32>, FormatError> {
    read_with(bytes, &ReadOptions { format: Some(format), ..ReadOptions::default() })
}

/// What the error says after the path.
fn refusal<T>(outcome: Result<T, FormatError>) -> String {
    let text = outcome.err().expect("an error").to_string();
    text.split_once("vectors.txt: ").map(|(_, rest)| rest.to_owned()).unwrap_or(text)
}

fn words<T>(table: &Table<T>) -> Vec<&str> {
    (0..table.words.words().len()).map(|index| table.words.words().text(index)).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A table in memory.
#[derive(Clone, Debug)]
struct Made<T> {
    words: Vec<String>,
    values: Vec<T>,
    dim: usize,
}

impl<T: Number> Made<T> {
    fn new(words: &[&str], values: Vec<T>) -> Self {
        let dim = values.len() / words.len().max(1);
        Self { words: words.iter().map(|&word| word.to_owned()).collect(), values, dim }
    }
}

fn save_with<T: Number>(path: &Path, format: Format, table: &Made<T>, hook: Hook<'_>) -> Result<(), FormatError> {
    let words: Words = table.words.iter().map(String::as_str).collect();
    write_vectors(path, format, &words, &mut Rows::new(&table.values, words.len(), table.dim), hook)
}

fn save<T: Number>(path: &Path, format: Format, table: &Made<T>) -> Result<(), FormatError> {
    save_with(path, format, table, &mut go_on)
}
