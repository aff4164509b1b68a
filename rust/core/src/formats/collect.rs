//! Rows on their way from pieces of a file into one table.

use std::borrow::Cow;
use std::path::PathBuf;

use super::error::FormatError;
use super::excerpt::excerpt;
use super::limits::MAX_WORDS;
use super::table::{EncodingErrors, FileInfo, ReadOptions, Table};
use super::words::{HashedWords, WordHasher, WordSet};
use crate::scratch::use_huge_pages;

/// What is wrong with a file that is read as far as it goes.
#[derive(Debug, Default)]
pub struct Faults {
    /// Rows that were passed over.
    pub rows: u64,
    /// What was wrong with the first ones, [`Faults::MOST`] at most.
    pub first: Vec<FormatError>,
    /// What ended the reading before the end of the file.
    pub end: Option<FormatError>,
}

impl Faults {
    /// Faults that are kept.
    pub const MOST: usize = 10;

    pub(crate) fn add(&mut self, fault: FormatError) {
        self.rows += 1;
        if self.first.len() < Self::MOST {
            self.first.push(fault);
        }
    }

    fn take(&mut self, others: &mut Self) {
        self.rows += others.rows;
        let room = Self::MOST - self.first.len();
        self.first.extend(others.first.drain(..).take(room));
        others.rows = 0;
    }
}

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
    /// Rows that were passed over.
    pub(crate) faults: Faults,
    /// What ended the reading behind the rows above.
    pub(crate) fault: Option<FormatError>,
}

impl<T> Default for ParsedRows<T> {
    fn default() -> Self {
        let (words, values, faults) = (HashedWords::default(), Vec::new(), Faults::default());
        Self { words, values, rows: 0, numbered: 0, blank: None, unended: false, faults, fault: None }
    }
}

impl<T> ParsedRows<T> {
    /// Forgets the rows and keeps their memory.
    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.values.clear();
        (self.rows, self.numbered, self.blank, self.unended, self.fault) = (0, 0, None, false, None);
        self.faults = Faults::default();
    }

    /// Keeps what `row` made of a row that it could parse. Of another nothing is left but the fault, which is returned
    /// where faults end the reading, and counted where rows are passed over.
    pub(crate) fn row<R>(
        &mut self,
        passes_over: bool,
        row: impl FnOnce(&mut Self) -> Result<R, FormatError>,
    ) -> Result<Option<R>, FormatError> {
        let (words, values, numbered) = (self.words.len(), self.values.len(), self.numbered);
        match row(self) {
            Ok(made) => {
                self.rows += 1;
                Ok(Some(made))
            }
            Err(fault) => {
                self.words.truncate(words);
                self.values.truncate(values);
                self.numbered = numbered;
                if !passes_over {
                    return Err(fault);
                }
                self.faults.add(fault);
                Ok(None)
            }
        }
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
    /// Rows that were passed over; None where the first fault ends the reading.
    faults: Option<Faults>,
}

impl<T: Copy> Collector<T> {
    pub(crate) fn new(path: PathBuf, dim: usize, info: FileInfo, checked: Option<u64>) -> Self {
        Self { path, words: WordSet::default(), values: Vec::new(), dim, info, checked, blank: None, faults: None }
    }

    /// From here on rows with faults are counted and passed over.
    pub(crate) fn pass_over_faults(&mut self) {
        self.faults = Some(Faults::default());
    }

    /// The words so far.
    pub(crate) fn words(&self) -> &WordSet {
        &self.words
    }

    /// Rows that have been looked at.
    pub(crate) fn rows(&self) -> u64 {
        self.info.rows
    }

    /// Makes room for the whole table, given the part of the file that its rows so far come from, so that it need not
    /// move while it grows.
    ///
    /// The room costs memory only where rows come. Where it is refused, the table grows piece by piece.
    pub(crate) fn expect(&mut self, part_read: f64, limit: Option<u64>) {
        let rows = self.words.words().len() as f64 / part_read;
        let expected = (rows.min(limit.map_or(f64::INFINITY, |limit| limit as f64)) * self.dim as f64) as usize;
        if self.values.capacity() < expected {
            // A little more, since rows tend to grow longer or shorter towards the end of a file.
            let more = (expected + expected / 16).saturating_sub(self.values.len());
            if self.values.try_reserve_exact(more).is_ok() {
                use_huge_pages(&self.values);
            }
        }
    }

    /// Takes over the rows of the next piece.
    pub(crate) fn take(&mut self, piece: &mut ParsedRows<T>) -> Result<(), FormatError> {
        if let Some(line) = self.blank.filter(|_| piece.rows > 0 || piece.faults.rows > 0 || piece.fault.is_some()) {
            let fault = FormatError::ShortRow { path: self.path.clone(), line, found: 0, wanted: self.dim };
            match &mut self.faults {
                Some(faults) => faults.add(fault),
                None => return Err(fault),
            }
            self.blank = None;
        }
        if let Some(faults) = &mut self.faults {
            faults.take(&mut piece.faults);
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
            if self.values.try_reserve(piece.values.len()).is_err() {
                let bytes = size_of_val(&self.values[..]) + size_of_val(&piece.values[..]);
                return Err(FormatError::Memory { path: self.path.clone(), bytes });
            }
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

    /// What was wrong with the rows that were passed over, and with what ended the reading.
    pub(crate) fn faults(&mut self, end: Option<FormatError>) -> Faults {
        Faults { end, ..self.faults.take().unwrap_or_default() }
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
