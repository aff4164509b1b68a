//! Rows on their way from pieces of a file into one table.

use std::borrow::Cow;
use std::path::PathBuf;

use super::error::{FormatError, excerpt};
use super::limits::MAX_WORDS;
use super::table::{EncodingErrors, FileInfo, ReadOptions, Table};
use super::words::{HashedWords, WordHasher, WordSet};

/// The rows of one piece of a file: those that are kept, and counts of all.
#[derive(Debug)]
pub(crate) struct ParsedRows<T> {
    pub(crate) words: HashedWords,
    /// A row of values for each word, end to end.
    pub(crate) values: Vec<T>,
    /// Rows that were looked at, kept or not.
    pub(crate) rows: u64,
    /// Rows with a number in their word.
    pub(crate) numbered: u64,
    /// A line without anything on it, behind all rows.
    pub(crate) blank: Option<u64>,
    /// The last row has no line break.
    pub(crate) unended: bool,
    /// What ended the reading behind the rows above.
    pub(crate) fault: Option<FormatError>,
}

impl<T> Default for ParsedRows<T> {
    fn default() -> Self {
        let (words, values) = (HashedWords::default(), Vec::new());
        Self { words, values, rows: 0, numbered: 0, blank: None, unended: false, fault: None }
    }
}

impl<T> ParsedRows<T> {
    /// Forgets the rows and keeps their memory.
    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.values.clear();
        (self.rows, self.numbered, self.blank, self.unended, self.fault) = (0, 0, None, false, None);
    }
}

/// Decides which words are kept.
pub(crate) struct Picker<'a> {
    options: &'a ReadOptions,
    /// That of the table, so that words are hashed by the threads that parse.
    hasher: WordHasher,
}

impl<'a> Picker<'a> {
    pub(crate) fn new(options: &'a ReadOptions, words: &WordSet) -> Self {
        Self { options, hasher: words.hasher() }
    }

    /// Whether all words are kept, so that values may be read before their word.
    pub(crate) fn takes_all(&self) -> bool {
        self.options.vocabulary.is_none()
    }

    /// Adds a word to `words` if it is wanted, and says so. `at` makes the error of a word that is not UTF-8 of the
    /// position of its first bad byte.
    pub(crate) fn pick(
        &self,
        word: &[u8],
        words: &mut HashedWords,
        at: impl FnOnce(usize, String) -> FormatError,
    ) -> Result<bool, FormatError> {
        let word = self.decode(word, at)?;
        if self.options.vocabulary.as_ref().is_some_and(|wanted| wanted.find(word.as_bytes()).is_none()) {
            return Ok(false);
        }
        words.push(&word, self.hasher.hash(word.as_bytes()));
        Ok(true)
    }

    fn decode<'w>(
        &self,
        word: &'w [u8],
        at: impl FnOnce(usize, String) -> FormatError,
    ) -> Result<Cow<'w, str>, FormatError> {
        match (std::str::from_utf8(word), self.options.encoding_errors) {
            (Ok(text), _) => Ok(Cow::Borrowed(text)),
            (Err(error), EncodingErrors::Strict) => Err(at(error.valid_up_to(), excerpt(word))),
            (Err(_), EncodingErrors::Replace) => Ok(String::from_utf8_lossy(word)),
            (Err(_), EncodingErrors::Ignore) => Ok(word.utf8_chunks().map(|chunk| chunk.valid()).collect()),
        }
    }
}

/// The table as far as it has been read.
pub(crate) struct Collector<T> {
    path: PathBuf,
    words: WordSet,
    values: Vec<T>,
    dim: usize,
    info: FileInfo,
    /// Rows that there must be; None where the caller overrides the header, or there is none.
    checked: Option<u64>,
    /// An empty line that only the end of the file may follow.
    blank: Option<u64>,
}

impl<T: Copy> Collector<T> {
    pub(crate) fn new(path: PathBuf, dim: usize, info: FileInfo, checked: Option<u64>) -> Self {
        Self { path, words: WordSet::default(), values: Vec::new(), dim, info, checked, blank: None }
    }

    /// The words so far.
    pub(crate) fn words(&self) -> &WordSet {
        &self.words
    }

    /// Rows that have been looked at.
    pub(crate) fn rows(&self) -> u64 {
        self.info.rows
    }

    /// Takes over the rows of the next piece.
    pub(crate) fn take(&mut self, piece: &mut ParsedRows<T>) -> Result<(), FormatError> {
        if let Some(line) = self.blank.filter(|_| piece.rows > 0 || piece.fault.is_some()) {
            return Err(FormatError::ShortRow { path: self.path.clone(), line, found: 0, wanted: self.dim });
        }
        self.blank = self.blank.or(piece.blank);
        self.info.rows += piece.rows;
        self.info.numbered += piece.numbered;
        if piece.rows > 0 {
            self.info.final_newline = !piece.unended;
        }
        if piece.words.len() > MAX_WORDS - self.words.words().len() {
            return Err(FormatError::TooManyWords { path: self.path.clone(), limit: MAX_WORDS });
        }
        // Past the promised count the file is known to be wrong: its rows are counted for the error, not kept.
        if self.checked.is_none_or(|promised| self.info.rows <= promised) {
            self.keep(piece);
        }
        piece.fault.take().map_or(Ok(()), Err)
    }

    /// Appends the rows whose words are new, in runs.
    fn keep(&mut self, piece: &ParsedRows<T>) {
        let dim = self.dim;
        let mut run = 0;
        for row in 0..piece.words.len() {
            let (word, hash) = piece.words.get(row);
            if !self.words.insert_hashed(word, hash) {
                self.info.repeated += 1;
                self.values.extend_from_slice(&piece.values[run * dim..row * dim]);
                run = row + 1;
            }
        }
        self.values.extend_from_slice(&piece.values[run * dim..]);
    }

    /// The whole table.
    pub(crate) fn finish(mut self) -> Result<Table<T>, FormatError> {
        let found = self.info.rows;
        if let Some(promised) = self.checked.filter(|&promised| promised != found) {
            return Err(FormatError::HeaderRows { path: self.path, promised, found });
        }
        self.values.shrink_to_fit();
        Ok(Table { words: self.words, values: self.values, dim: self.dim, info: self.info })
    }
}
