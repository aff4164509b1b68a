//! word2vec's binary format.
//!
//! A line `rows dim`; then for each row the word, one space, and `dim` little-endian float32 values. word2vec's own
//! program puts a line break behind the values, others do not: line breaks before a word are passed.

use std::path::Path;

use super::collect::{ParsedRows, Picker};
use super::error::FormatError;
use super::excerpt::excerpt;
use super::limits::MAX_WORD;
use super::number::Number;
use super::pipeline::{Cutter, PIECE_BYTES, RowFormat};
use super::sniff::{after_newlines, row_bytes};
use super::write::RowEncoder;

/// Rows of bytes.
pub(crate) struct BinaryRows<'a> {
    pub(crate) path: &'a Path,
    pub(crate) dim: usize,
    pub(crate) picker: Picker<'a>,
    /// Whether rows with faults are counted and passed over.
    pub(crate) passes_over: bool,
}

impl<T: Number> RowFormat<T> for BinaryRows<'_> {
    fn cut(&self, bytes: &[u8], cutter: &mut Cutter<'_>) -> Result<(), FormatError> {
        let mut end = cutter.start();
        while cutter.rows_left > 0 {
            let start = bytes.len() - after_newlines(&bytes[end..]).len();
            match row_bytes(&bytes[start..], self.dim) {
                Some(row) if row <= bytes.len() - start => end = start + row,
                None if bytes.len() - start > MAX_WORD => {
                    let (path, byte) = (self.path.to_owned(), cutter.place + (start - cutter.start()) as u64);
                    return Err(FormatError::WordTooLong { path, byte, limit: MAX_WORD });
                }
                _ if cutter.at_end => {
                    // The line breaks behind the last row, or part of a row, which parsing finds.
                    end = bytes.len();
                    break;
                }
                _ => break,
            }
            cutter.rows_left -= u64::from(cutter.rows_left != u64::MAX);
            if end - cutter.start() >= PIECE_BYTES {
                cutter.push(end, cutter.place + (end - cutter.start()) as u64);
            }
        }
        if end > cutter.start() {
            cutter.push(end, cutter.place + (end - cutter.start()) as u64);
        }
        Ok(())
    }

    fn parse(&self, bytes: &[u8], place: u64, rows: &mut ParsedRows<T>) {
        let mut rest = after_newlines(bytes);
        while !rest.is_empty() {
            let byte = place + (bytes.len() - rest.len()) as u64;
            let outcome = self
                .end_of_row(rest, byte)
                .and_then(|row| rows.row(self.passes_over, |rows| self.row(&rest[..row], byte, rows)).map(|_| row));
            match outcome {
                Ok(row) => rest = after_newlines(&rest[row..]),
                Err(fault) => {
                    rows.fault = Some(fault);
                    return;
                }
            }
        }
    }
}

impl BinaryRows<'_> {
    /// The length of the row that starts `bytes`, which are at `byte` of the file.
    fn end_of_row(&self, bytes: &[u8], byte: u64) -> Result<usize, FormatError> {
        row_bytes(bytes, self.dim).filter(|&row| row <= bytes.len()).ok_or_else(|| FormatError::RowCut {
            path: self.path.to_owned(),
            byte,
            found: bytes.len(),
            dim: self.dim,
        })
    }

    /// Takes the row that `bytes` are, at `byte` of the file.
    fn row<T: Number>(&self, bytes: &[u8], byte: u64, rows: &mut ParsedRows<T>) -> Result<(), FormatError> {
        let (word, values) = bytes.split_at(bytes.len() - size_of::<f32>() * self.dim);
        let word = &word[..word.len() - 1];
        let at = |at, found| FormatError::EncodingAt { path: self.path.to_owned(), byte: byte + at as u64, found };
        if self.picker.pick(word, &mut rows.words, at)? {
            let (values, _) = values.as_chunks::<4>();
            rows.values.extend(values.iter().map(|&value| T::from_f64(f64::from(f32::from_le_bytes(value)))));
        }
        Ok(())
    }
}

/// Writes rows as word2vec's own program does, with a line break behind each.
pub(crate) struct BinaryEncoder;

impl<T: Number> RowEncoder<T> for BinaryEncoder {
    fn encode(&mut self, index: usize, word: &str, row: &[T], out: &mut Vec<u8>) -> Result<(), FormatError> {
        let refused = |reason| Err(FormatError::Word { index, word: excerpt(word.as_bytes()), reason });
        if word.contains(' ') {
            return refused("it holds a space, which ends a word in this format");
        }
        if word.starts_with('\n') {
            return refused("it starts with a line break, which readers pass");
        }
        if word.len() > MAX_WORD {
            return refused("it is longer than any word that is read");
        }
        out.extend_from_slice(word.as_bytes());
        out.push(b' ');
        for (column, &value) in row.iter().enumerate() {
            let wide = value.to_f64();
            let single = wide as f32;
            if wide.is_finite() && !single.is_finite() {
                return Err(FormatError::Value { index, word: excerpt(word.as_bytes()), column, value: wide });
            }
            out.extend_from_slice(&single.to_le_bytes());
        }
        out.push(b'\n');
        Ok(())
    }
}
