//! Reading word vectors from text: GloVe's, word2vec's and fastText's `.vec`.
//!
//! A row is a word, one space, and `dim` numbers with one space between them. The **last** `dim` fields of a line are
//! its numbers and all that stands before them is the word, so a word may hold spaces (GloVe 840B has `. . .`).
//! A word with one number after a space is counted; one with more is a row that has too many.
//! Spaces, tabs and a carriage return at the end of a line do not count. A word2vec file starts with a line
//! `rows dim`; a GloVe file does not.

use std::path::Path;

use super::collect::{ParsedRows, Picker};
use super::error::FormatError;
use super::excerpt::excerpt;
use super::limits::MAX_LINE;
use super::number::{Number, numbers_in_word, parse_number, plain_number};
use super::pipeline::{Cutter, PIECE_BYTES, RowFormat};
use super::sniff::trim_end;

/// Rows of text.
pub(crate) struct TextRows<'a> {
    pub(crate) path: &'a Path,
    pub(crate) dim: usize,
    pub(crate) picker: Picker<'a>,
    /// Whether rows with faults are counted and passed over.
    pub(crate) passes_over: bool,
}

impl<T: Number> RowFormat<T> for TextRows<'_> {
    fn cut(&self, bytes: &[u8], cutter: &mut Cutter<'_>) -> Result<(), FormatError> {
        while cutter.start() < bytes.len() && cutter.rows_left > 0 {
            let start = cutter.start();
            let step = bytes.len().min(start + PIECE_BYTES);
            let line_end = memchr::memrchr(b'\n', &bytes[start..step])
                .map(|at| start + at)
                .or_else(|| memchr::memchr(b'\n', &bytes[step..]).map(|at| step + at));
            let mut end = match line_end {
                Some(at) => at + 1,
                None if bytes.len() - start > MAX_LINE => return Err(self.line_too_long(cutter.place)),
                None if cutter.at_end => bytes.len(),
                None => break,
            };
            let piece = &bytes[start..end];
            let breaks = if cutter.rows_left == u64::MAX {
                memchr::memchr_iter(b'\n', piece).count() as u64
            } else {
                // With a limit, empty lines are no rows.
                let (rows, breaks, length) = first_rows(piece, cutter.rows_left);
                end = start + length;
                cutter.rows_left -= rows;
                breaks
            };
            cutter.push(end, cutter.place + breaks);
        }
        Ok(())
    }

    fn parse(&self, bytes: &[u8], place: u64, rows: &mut ParsedRows<T>) {
        let mut rest = bytes;
        let mut line = place;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest);
            let text = &rest[..end.unwrap_or(rest.len())];
            if text.len() > MAX_LINE {
                rows.fault = Some(self.line_too_long(line));
                return;
            }
            let text = trim_end(text);
            rest = end.map_or(&[], |end| &rest[end + 1..]);
            if text.is_empty() {
                rows.blank = rows.blank.or(Some(line));
            } else {
                let blank = rows.blank.take().map_or(Ok(()), |line| {
                    rows.row(self.passes_over, |_| Err::<(), _>(self.short_row(line, 0))).map(drop)
                });
                let outcome = blank.and_then(|()| rows.row(self.passes_over, |rows| self.row(text, line, rows)));
                if let Err(fault) = outcome {
                    rows.fault = Some(fault);
                    return;
                }
                rows.unended = end.is_none();
            }
            line += 1;
        }
    }
}

impl TextRows<'_> {
    fn short_row(&self, line: u64, found: usize) -> FormatError {
        FormatError::ShortRow { path: self.path.to_owned(), line, found, wanted: self.dim }
    }

    fn line_too_long(&self, line: u64) -> FormatError {
        FormatError::LineTooLong { path: self.path.to_owned(), line, limit: MAX_LINE }
    }

    /// Takes one row. `text` is its line, trimmed.
    fn row<T: Number>(&self, text: &[u8], line: u64, rows: &mut ParsedRows<T>) -> Result<(), FormatError> {
        // Nearly every line has a word without spaces and plain numbers. Where it does not, this has changed nothing.
        if let Some(space) = memchr::memchr(b' ', text)
            && self.picker.takes_all()
            && plain_row(&text[space + 1..], self.dim, &mut rows.values)
        {
            return self.pick(&text[..space], line, rows).map(drop);
        }
        let Some(space) = memchr::memrchr_iter(b' ', text).nth(self.dim - 1) else {
            return Err(self.short_row(line, memchr::memchr_iter(b' ', text).count()));
        };
        let (word, numbers) = (&text[..space], &text[space + 1..]);
        if word.ends_with(b" ") {
            return Err(FormatError::SpaceBehind { path: self.path.to_owned(), line, word: excerpt(word) });
        }
        match numbers_in_word(word) {
            0 => {}
            1 => rows.numbered += 1,
            more => {
                let (path, found, word) = (self.path.to_owned(), more + self.dim, excerpt(word));
                return Err(FormatError::LongRow { path, line, found, wanted: self.dim, word });
            }
        }
        if self.pick(word, line, rows)? && !plain_row(numbers, self.dim, &mut rows.values) {
            for (column, field) in numbers.split(|&byte| byte == b' ').enumerate() {
                let value = self.value(field, line, column + 1)?;
                rows.values.push(value);
            }
        }
        Ok(())
    }

    fn pick<T>(&self, word: &[u8], line: u64, rows: &mut ParsedRows<T>) -> Result<bool, FormatError> {
        let at = |byte, found| FormatError::Encoding { path: self.path.to_owned(), line, byte, found };
        self.picker.pick(word, &mut rows.words, at)
    }

    fn value<T: Number>(&self, field: &[u8], line: u64, column: usize) -> Result<T, FormatError> {
        let path = || self.path.to_owned();
        let parsed = parse_number(field);
        let Some(wide) = parsed.filter(|wide| wide.is_finite() || field.iter().any(u8::is_ascii_digit)) else {
            return Err(FormatError::NotANumber { path: path(), line, column, found: excerpt(field) });
        };
        let value = T::from_f64(wide);
        if !value.to_f64().is_finite() {
            let found = excerpt(field);
            return Err(FormatError::OutOfRange { path: path(), line, column, found, dtype: T::NAME });
        }
        Ok(value)
    }
}

/// The first rows of some lines, at most `limit`: how many they are, how many line breaks they take, and bytes.
fn first_rows(lines: &[u8], limit: u64) -> (u64, u64, usize) {
    let (mut rows, mut breaks, mut length) = (0, 0, 0);
    while length < lines.len() && rows < limit {
        let line = memchr::memchr(b'\n', &lines[length..]);
        let end = line.map_or(lines.len(), |at| length + at);
        rows += u64::from(!trim_end(&lines[length..end]).is_empty());
        breaks += u64::from(line.is_some());
        length = (end + 1).min(lines.len());
    }
    (rows, breaks, length)
}

/// Appends the `dim` plain numbers that `text` is; or nothing, and false, where it is anything else.
fn plain_row<T: Number>(text: &[u8], dim: usize, values: &mut Vec<T>) -> bool {
    let before = values.len();
    let mut rest = text;
    values.reserve(dim);
    for column in 0..dim {
        let Some((value, length)) = plain_number(rest) else { break };
        values.push(T::from_f64(value));
        match rest.get(length) {
            Some(_) => rest = &rest[length + 1..],
            None if column + 1 == dim => return true,
            None => break,
        }
    }
    values.truncate(before);
    false
}
