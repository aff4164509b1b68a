//! Reading the formats whose rows follow each other: text, and word2vec binary.

use std::path::Path;

use super::collect::{Collector, Faults, Picker};
use super::error::FormatError;
use super::number::Number;
use super::pipeline::read_rows;
use super::sniff::{Format, Layout, sniff};
use super::source::Source;
use super::table::{FileInfo, Hook, ReadOptions, Table};
use super::text::TextRows;
use super::word2vec_binary::BinaryRows;

/// Reads a file of word vectors in text or in word2vec's binary format, plain or gzip.
///
/// Numbers of text are parsed as float64 and cast to `T`; those of rows that the vocabulary leaves out are counted, not
/// parsed. Without `options.format` and `options.limit` a header's count must be that of the rows.
///
/// # Errors
/// Every [`FormatError`] about reading: the first failure in the file ends it, with nothing returned.
pub fn read_vectors<T: Number>(path: &Path, options: &ReadOptions, hook: Hook<'_>) -> Result<Table<T>, FormatError> {
    read(path, options, false, hook)?.0.finish()
}

/// Reads such a file as far as it can be read: rows with faults are counted and passed over, and a header's count is
/// not held against the rows.
///
/// # Errors
/// [`FormatError::Io`] and [`FormatError::Interrupted`], and what is said of files of which nothing can be understood.
pub fn inspect_vectors<T: Number>(
    path: &Path,
    options: &ReadOptions,
    hook: Hook<'_>,
) -> Result<(Table<T>, Faults), FormatError> {
    let (mut collector, end) = read(path, options, true, hook)?;
    let faults = collector.faults(end);
    Ok((collector.finish()?, faults))
}

/// What was read, and, where faults are passed over, what ended it before the end of the file.
fn read<T: Number>(
    path: &Path,
    options: &ReadOptions,
    passes_over: bool,
    hook: Hook<'_>,
) -> Result<(Collector<T>, Option<FormatError>), FormatError> {
    let mut source = Source::open(path)?;
    let layout = sniff(&mut source, options.format)?;
    let (format, promised, dim) = match layout {
        Layout::Glove { dim } => (Format::Glove, None, dim),
        Layout::Word2vec { rows, dim } => (Format::Word2vec, Some(rows), dim),
        Layout::Word2vecBinary { rows, dim } => (Format::Word2vecBinary, Some(rows), dim),
        Layout::Other(format) => return Err(FormatError::OtherFormat { path: path.to_owned(), found: format.name() }),
    };
    if promised.is_some() {
        let header = memchr::memchr(b'\n', source.bytes()).map_or(source.bytes().len(), |end| end + 1);
        source.consume(header);
    }
    let checked = promised.filter(|_| options.limit.is_none() && options.format.is_none() && !passes_over);
    let format = options.format.unwrap_or(format);
    let info = FileInfo { format, promised, rows: 0, repeated: 0, numbered: 0, final_newline: true };
    let mut collector = Collector::new(path.to_owned(), dim, info, checked);
    if passes_over {
        collector.pass_over_faults();
    }
    let picker = Picker::new(options, collector.words());
    let outcome = if matches!(layout, Layout::Word2vecBinary { .. }) {
        let place = source.offset();
        let rows = BinaryRows { path, dim, picker, passes_over };
        read_rows(&mut source, &rows, &mut collector, place, options.limit, hook)
    } else {
        let line = if promised.is_some() { 2 } else { 1 };
        let rows = TextRows { path, dim, picker, passes_over };
        read_rows(&mut source, &rows, &mut collector, line, options.limit, hook)
    };
    match outcome {
        Ok(()) => Ok((collector, None)),
        Err(FormatError::Io { .. } | FormatError::Interrupted) => outcome.map(|()| (collector, None)),
        Err(end) if passes_over => Ok((collector, Some(end))),
        Err(fault) => Err(fault),
    }
}
