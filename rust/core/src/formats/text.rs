//! Reading word vectors from text, GloVe's and word2vec's.
//!
//! A row is a word, one space, and `dim` numbers with one space between them. The **last** `dim` fields of a line are
//! its numbers and all that stands before them is the word, so a word may hold spaces (GloVe 840B has `. . .`).
//! A word with one number after a space is counted; one with more is a row that has too many.
//! Spaces, tabs and a carriage return at the end of a line do not count. A word2vec file starts with a line
//! `rows dim`; a GloVe file does not.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::error::{FormatError, excerpt};
use super::limits::PROGRESS_ROWS;
use super::number::{Number, numbers_in_word, parse_number};
use super::sniff::{Format, Layout, sniff, trim_end};
use super::source::Source;
use super::words::{WordSet, Words};

/// What to do with the bytes of a word that are not UTF-8; Python's names, and its results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncodingErrors {
    /// Fail, naming the line.
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
    /// The caller's word for the format; None to tell it from the content.
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

/// What was read.
#[derive(Clone, Debug)]
pub struct Table<T> {
    /// The words, each once, in the order of the file.
    pub words: Words,
    /// One row of `dim` values for each word, as stored, end to end.
    pub values: Vec<T>,
    /// Layout of the file.
    pub layout: Layout,
    /// Rows of the file that were looked at.
    pub rows: u64,
    /// Rows left out because their word had come before: the first one wins.
    pub repeated: u64,
    /// Rows whose word holds one number after a space, as `route 66` does, and as the word of a row with one number too
    /// many would.
    pub numbered: u64,
    /// Whether the last line that was looked at ends in a line break. Where it does not, the file may be cut inside
    /// its last number, and no reader could tell.
    pub final_newline: bool,
}

/// Reads a file of word vectors in text, plain or gzip.
///
/// Numbers are parsed as float64 and cast to `T`. Numbers of rows that are not kept (other words than those of the
/// vocabulary, repeated words) are counted but not parsed.
///
/// # Errors
/// Every [`FormatError`] about reading: the first failure ends it, with nothing returned.
pub fn read_text<T: Number>(path: &Path, options: &ReadOptions, hook: Hook<'_>) -> Result<Table<T>, FormatError> {
    let mut source = Source::open(path)?;
    let layout = sniff(&source, options.format)?;
    let mut reader = Reader {
        path,
        options,
        dim: layout.dim(),
        words: WordSet::default(),
        values: Vec::new(),
        repeated: 0,
        numbered: 0,
    };
    let promised = match layout {
        Layout::Word2vec { rows, .. } => {
            source.next_line()?;
            Some(rows)
        }
        Layout::Glove { .. } => None,
    };
    let checked = promised.filter(|_| options.limit.is_none());
    let mut rows = 0;
    let mut blank = None;
    let mut final_newline = true;
    while options.limit.is_none_or(|limit| rows < limit) {
        if rows.is_multiple_of(PROGRESS_ROWS) {
            let (bytes, total_bytes) = source.position();
            if hook(Progress { rows, bytes, total_bytes }).is_break() {
                return Err(FormatError::Interrupted);
            }
        }
        let Some(line) = source.next_line()? else { break };
        let text = trim_end(line.bytes);
        if text.is_empty() {
            blank = blank.or(Some(line.number));
            continue;
        }
        if let Some(line) = blank {
            return Err(FormatError::ShortRow { path: path.to_owned(), line, found: 0, wanted: reader.dim });
        }
        rows += 1;
        final_newline = line.ended;
        // Past the promised count the file is known to be wrong: its rows are counted for the error, not kept.
        if checked.is_none_or(|promised| rows <= promised) {
            reader.row(text, line.number)?;
        }
    }
    if let Some(promised) = checked.filter(|&promised| promised != rows) {
        return Err(FormatError::HeaderRows { path: path.to_owned(), promised, found: rows });
    }
    let Reader { words, mut values, repeated, numbered, .. } = reader;
    values.shrink_to_fit();
    Ok(Table { words: words.into_words(), values, layout, rows, repeated, numbered, final_newline })
}

/// The rows kept so far.
struct Reader<'a, T> {
    path: &'a Path,
    options: &'a ReadOptions,
    dim: usize,
    words: WordSet,
    values: Vec<T>,
    repeated: u64,
    numbered: u64,
}

impl<T: Number> Reader<'_, T> {
    fn path(&self) -> PathBuf {
        self.path.to_owned()
    }

    /// Takes one row. `text` is its line, trimmed.
    fn row(&mut self, text: &[u8], line: u64) -> Result<(), FormatError> {
        let Some(space) = memchr::memrchr_iter(b' ', text).nth(self.dim - 1) else {
            let found = memchr::memchr_iter(b' ', text).count();
            return Err(FormatError::ShortRow { path: self.path(), line, found, wanted: self.dim });
        };
        let (word, numbers) = (&text[..space], &text[space + 1..]);
        match numbers_in_word(word) {
            0 => {}
            1 => self.numbered += 1,
            more => {
                let (found, word) = (more + self.dim, excerpt(word));
                return Err(FormatError::LongRow { path: self.path(), line, found, wanted: self.dim, word });
            }
        }
        let word = self.decode(word, line)?;
        if self.options.vocabulary.as_ref().is_some_and(|wanted| wanted.find(&word).is_none()) {
            return Ok(());
        }
        if !self.words.insert(&word) {
            self.repeated += 1;
            return Ok(());
        }
        for (column, field) in numbers.split(|&byte| byte == b' ').enumerate() {
            let value = self.value(field, line, column + 1)?;
            self.values.push(value);
        }
        Ok(())
    }

    fn value(&self, field: &[u8], line: u64, column: usize) -> Result<T, FormatError> {
        let parsed = parse_number(field);
        let Some(wide) = parsed.filter(|wide| wide.is_finite() || field.iter().any(u8::is_ascii_digit)) else {
            return Err(FormatError::NotANumber { path: self.path(), line, column, found: excerpt(field) });
        };
        let value = T::from_f64(wide);
        if !value.to_f64().is_finite() {
            let found = excerpt(field);
            return Err(FormatError::OutOfRange { path: self.path(), line, column, found, dtype: T::NAME });
        }
        Ok(value)
    }

    fn decode<'w>(&self, word: &'w [u8], line: u64) -> Result<Cow<'w, str>, FormatError> {
        match (std::str::from_utf8(word), self.options.encoding_errors) {
            (Ok(text), _) => Ok(Cow::Borrowed(text)),
            (Err(error), EncodingErrors::Strict) => {
                let (byte, found) = (error.valid_up_to(), excerpt(word));
                Err(FormatError::Encoding { path: self.path(), line, byte, found })
            }
            (Err(_), EncodingErrors::Replace) => Ok(String::from_utf8_lossy(word)),
            (Err(_), EncodingErrors::Ignore) => Ok(word.utf8_chunks().map(|chunk| chunk.valid()).collect()),
        }
    }
}
