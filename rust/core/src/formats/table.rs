//! What to read of a file, and what was read.

use std::ops::ControlFlow;

use super::error::FormatError;
use super::sniff::Format;
use super::words::WordSet;

/// What to do with the bytes of a word that are not UTF-8; Python's names, and its results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncodingErrors {
    /// Fail, naming the place.
    #[default]
    Strict,
    /// Put U+FFFD in their place.
    Replace,
    /// Leave them out.
    Ignore,
}

/// What to read.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// The caller's word for the format; None to tell it from the content. With it a header's count is not held
    /// against the rows.
    pub format: Option<Format>,
    /// Only these words are kept; None for all.
    pub vocabulary: Option<WordSet>,
    /// Rows of the file that are looked at; None for all. `vocabulary` picks among them.
    pub limit: Option<u64>,
    /// What to do with words that are not UTF-8.
    pub encoding_errors: EncodingErrors,
}

/// How far a reader or a writer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Rows read or written.
    pub rows: u64,
    /// Bytes of the file (packed, if it is gzip) read; 0 when writing.
    pub bytes: u64,
    /// Bytes of the file; 0 when not known.
    pub total_bytes: u64,
}

/// Called every so many rows; `Break` makes the work stop with [`FormatError::Interrupted`].
pub type Hook<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;

/// Asks the hook whether to go on.
pub(crate) fn told(hook: &mut dyn FnMut(Progress) -> ControlFlow<()>, now: Progress) -> Result<(), FormatError> {
    match hook(now) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(FormatError::Interrupted),
    }
}

/// What was read.
#[derive(Clone, Debug)]
pub struct Table<T> {
    /// The words, each once, in the order of the file.
    pub words: WordSet,
    /// One row of `dim` values for each word, as stored, end to end.
    pub values: Vec<T>,
    /// Values in a row.
    pub dim: usize,
    /// What the file told about itself.
    pub info: FileInfo,
}

/// What a file told about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// The format it was read as.
    pub format: Format,
    /// Rows that its header promises; None where there is no header.
    pub promised: Option<u64>,
    /// Rows that were looked at.
    pub rows: u64,
    /// Rows left out because their word had come before: the first one wins.
    pub repeated: u64,
    /// Rows of text whose word holds one number after a space, as `route 66` does, and as the word of a row with one
    /// number too many would.
    pub numbered: u64,
    /// False where the last line of text that was looked at has no line break: the file may be cut inside its last
    /// number, and no reader could tell.
    pub final_newline: bool,
}
