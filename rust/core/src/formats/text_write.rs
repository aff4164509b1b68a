//! Writing word vectors as text, so that reading gives back the same words and the same bits.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::error::{FormatError, excerpt};
use super::limits::{MAX_DIM, PROGRESS_ROWS};
use super::number::{Number, numbers_in_word};
use super::replace::Replacement;
use super::sniff::{Format, Layout, sniff};
use super::source::Source;
use super::text::{Hook, Progress};
use super::words::Words;
use crate::element::Element;
use crate::rows::Rows;

/// A table that is fetched block by block, so that nobody else has to wait until all of it is written.
pub trait RowBlocks<T> {
    /// Number of rows.
    fn rows(&self) -> usize;

    /// Elements in a row.
    fn dim(&self) -> usize;

    /// Some of the rows, as they are now.
    fn block(&mut self, rows: Range<usize>) -> Rows<'_, T>;
}

impl<T: Element> RowBlocks<T> for Rows<'_, T> {
    fn rows(&self) -> usize {
        self.rows()
    }

    fn dim(&self) -> usize {
        self.dim()
    }

    fn block(&mut self, rows: Range<usize>) -> Rows<'_, T> {
        self.part(rows)
    }
}

/// Writes a table as text, packed with gzip where the name ends in `.gz`.
///
/// The rows go to a temporary file beside `path`, which replaces it only when all is written: after a failure or an
/// interrupt the old file is whole. Values are written with the fewest digits that read back to the same bits.
///
/// # Errors
/// [`FormatError::Word`], [`FormatError::Value`], [`FormatError::Shape`] and [`FormatError::Ambiguous`] for what could
/// not be read back; [`FormatError::Lengths`]; [`FormatError::Io`] and [`FormatError::NotAFile`];
/// [`FormatError::Interrupted`].
pub fn write_text<T: Number>(
    path: &Path,
    format: Format,
    words: &Words,
    vectors: &mut impl RowBlocks<T>,
    hook: Hook<'_>,
) -> Result<(), FormatError> {
    let (rows, dim) = (vectors.rows(), vectors.dim());
    if words.len() != rows {
        return Err(FormatError::Lengths { words: words.len(), rows });
    }
    let unreadable = dim == 0 || dim > MAX_DIM || (rows == 0 && format == Format::Glove);
    if unreadable {
        return Err(FormatError::Shape { rows, dim, format: format.name() });
    }
    let (replacement, file) = Replacement::create(path)?;
    let failed = |source| FormatError::io(path, source);
    let mut sink = Sink::new(file, path);
    if format == Format::Word2vec {
        sink.write(format!("{rows} {dim}\n").as_bytes()).map_err(failed)?;
    }
    let mut line = Vec::new();
    let mut text = String::new();
    for first in (0..rows).step_by(PROGRESS_ROWS as usize) {
        if hook(Progress { rows: first as u64, bytes: 0, total_bytes: 0 }).is_break() {
            return Err(FormatError::Interrupted);
        }
        let block = vectors.block(first..rows.min(first + PROGRESS_ROWS as usize));
        for (row, index) in (first..first + block.rows()).enumerate() {
            let word = words.get(index);
            check_word(word, index, format)?;
            text.clear();
            for (column, &value) in block.row(row).iter().enumerate() {
                let wide = value.to_f64();
                if !wide.is_finite() {
                    return Err(FormatError::Value { index, word: excerpt(word), column, value: wide });
                }
                text.push(' ');
                value.format(&mut text);
            }
            text.push('\n');
            line.clear();
            line.extend_from_slice(word);
            line.extend_from_slice(text.as_bytes());
            sink.write(&line).map_err(failed)?;
        }
    }
    let file = sink.finish().map_err(failed)?;
    check_layout(&replacement, format, rows, dim)?;
    replacement.commit(file)
}

fn check_word(word: &[u8], index: usize, format: Format) -> Result<(), FormatError> {
    let reason = if word.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        "it holds a line break"
    } else if word.contains(&0) {
        "it holds a zero byte"
    } else if numbers_in_word(word) > 1 {
        "a reader would take the numbers in it for numbers of the row"
    } else if format == Format::Glove && index == 0 && word.starts_with("\u{feff}".as_bytes()) {
        "the file would start with a byte order mark"
    } else {
        return Ok(());
    };
    Err(FormatError::Word { index, word: excerpt(word), reason })
}

/// Makes sure that a reader will take the new file for what it is, by asking the reader.
fn check_layout(replacement: &Replacement, format: Format, rows: usize, dim: usize) -> Result<(), FormatError> {
    let written = match format {
        Format::Glove => Layout::Glove { dim },
        Format::Word2vec => Layout::Word2vec { rows: rows as u64, dim },
    };
    match Source::open(replacement.temporary()).and_then(|source| sniff(&source, None)) {
        Ok(layout) if layout == written => Ok(()),
        Ok(layout) => Err(FormatError::Ambiguous { found: layout.dim(), wanted: dim }),
        Err(FormatError::HeaderDim { found, .. }) => Err(FormatError::Ambiguous { found, wanted: dim }),
        Err(error) => Err(error),
    }
}

/// The temporary file, packed or plain.
enum Sink {
    Plain(BufWriter<File>),
    Gzip(GzEncoder<BufWriter<File>>),
}

impl Sink {
    fn new(file: File, path: &Path) -> Self {
        let buffered = BufWriter::with_capacity(256 << 10, file);
        if path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("gz")) {
            Self::Gzip(GzEncoder::new(buffered, Compression::default()))
        } else {
            Self::Plain(buffered)
        }
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
        }
    }

    fn finish(self) -> std::io::Result<File> {
        let buffered = match self {
            Self::Plain(file) => file,
            Self::Gzip(encoder) => encoder.finish()?,
        };
        buffered.into_inner().map_err(std::io::IntoInnerError::into_error)
    }
}
