//! Writing the formats whose rows follow each other: text, and word2vec binary.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::error::FormatError;
use super::limits::{MAX_DIM, PROGRESS_ROWS};
use super::number::Number;
use super::replace::Replacement;
use super::sniff::{Format, Layout, sniff};
use super::source::Source;
use super::table::{Hook, Progress, told};
use super::text_write::TextEncoder;
use super::word2vec_binary::BinaryEncoder;
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

/// How a format writes a row.
pub(crate) trait RowEncoder<T> {
    /// Appends the row of word `index`, or refuses what could not be read back.
    fn encode(&mut self, index: usize, word: &str, row: &[T], out: &mut Vec<u8>) -> Result<(), FormatError>;
}

/// Writes a table as text or in word2vec's binary format, packed with gzip where the name ends in `.gz`.
///
/// The rows go to a temporary file beside `path`, which replaces it only when all is written: after a failure or an
/// interrupt the old file is whole. Text has the fewest digits that read back to the same bits; the binary format holds
/// float32.
///
/// # Errors
/// [`FormatError::Word`], [`FormatError::Value`], [`FormatError::Shape`], [`FormatError::Ambiguous`] and
/// [`FormatError::Unclear`] for what could not be read back; [`FormatError::Unwritable`] for a format without a writer;
/// [`FormatError::Lengths`]; [`FormatError::Io`] and [`FormatError::NotAFile`]; [`FormatError::Interrupted`].
pub fn write_vectors<T: Number>(
    path: &Path,
    format: Format,
    words: &Words,
    vectors: &mut impl RowBlocks<T>,
    hook: Hook<'_>,
) -> Result<(), FormatError> {
    match format {
        Format::Glove | Format::Word2vec | Format::FastText => {
            write_rows(path, format, words, vectors, &mut TextEncoder::new(format), hook)
        }
        Format::Word2vecBinary => write_rows(path, format, words, vectors, &mut BinaryEncoder, hook),
        _ => Err(FormatError::Unwritable { format: format.name() }),
    }
}

fn write_rows<T: Number>(
    path: &Path,
    format: Format,
    words: &Words,
    vectors: &mut impl RowBlocks<T>,
    encoder: &mut impl RowEncoder<T>,
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
    let mut bytes = Vec::new();
    if format != Format::Glove {
        writeln!(bytes, "{rows} {dim}").map_err(failed)?;
    }
    for first in (0..rows).step_by(PROGRESS_ROWS as usize) {
        told(hook, Progress { rows: first as u64, bytes: 0, total_bytes: 0 })?;
        let block = vectors.block(first..rows.min(first + PROGRESS_ROWS as usize));
        for row in 0..block.rows() {
            encoder.encode(first + row, words.text(first + row), block.row(row), &mut bytes)?;
        }
        sink.write(&bytes).map_err(failed)?;
        bytes.clear();
    }
    sink.write(&bytes).map_err(failed)?;
    let file = sink.finish().map_err(failed)?;
    check_layout(&replacement, format, rows, dim)?;
    replacement.commit(file)
}

/// Makes sure that a reader will take the new file for what it is, by asking the reader.
fn check_layout(replacement: &Replacement, format: Format, rows: usize, dim: usize) -> Result<(), FormatError> {
    let written = match format {
        Format::Glove => Layout::Glove { dim },
        // Without rows nothing tells text from bytes.
        Format::Word2vecBinary if rows > 0 => Layout::Word2vecBinary { rows: rows as u64, dim },
        _ => Layout::Word2vec { rows: rows as u64, dim },
    };
    match Source::open(replacement.temporary()).and_then(|mut source| sniff(&mut source, None)) {
        Ok(layout) if layout == written => Ok(()),
        Ok(Layout::Glove { dim: found } | Layout::Word2vec { dim: found, .. }) if found != dim => {
            Err(FormatError::Ambiguous { found, wanted: dim })
        }
        Ok(_) => Err(FormatError::Unclear { format: format.name() }),
        Err(FormatError::HeaderDim { found, .. }) => Err(FormatError::Ambiguous { found, wanted: dim }),
        Err(error) => Err(error),
    }
}

/// The temporary file, packed or plain.
enum Sink {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
}

impl Sink {
    fn new(file: File, path: &Path) -> Self {
        let buffered = BufWriter::with_capacity(256 << 10, file);
        if path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("gz")) {
            Self::Gzip(Box::new(GzEncoder::new(buffered, Compression::default())))
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
