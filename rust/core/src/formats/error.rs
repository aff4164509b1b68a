//! What can go wrong with a file, each kind with its numbers.

use std::io;
use std::path::{Path, PathBuf};

/// A failure to read or write a file of vectors. `path` is the file as it was named, `line` that of the row, from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "of `path` and `line`, which most kinds have")]
pub enum FormatError {
    /// The operating system refused: no such file, no permission, disk full.
    #[error("{}: {source}", path.display())]
    Io {
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The path names something that cannot be replaced by a file, such as a device.
    #[error("{}: not a regular file: refusing to replace it", path.display())]
    NotAFile { path: PathBuf },
    /// A gzip stream ends before its end mark.
    #[error("{}: the gzip data is cut off after {bytes} unpacked bytes", path.display())]
    GzipCut {
        path: PathBuf,
        /// Bytes unpacked before the cut.
        bytes: u64,
    },
    /// A gzip stream is damaged.
    #[error("{}: the gzip data is damaged after {bytes} unpacked bytes: {reason}", path.display())]
    GzipDamaged {
        path: PathBuf,
        /// Bytes unpacked before the damage.
        bytes: u64,
        /// What the unpacker said.
        reason: String,
    },
    /// No row and no header.
    #[error("{}: the file is empty: wanted rows of a word and its numbers", path.display())]
    Empty { path: PathBuf },
    /// The file holds zero bytes, so it is not text.
    #[error("{}: not a text file of vectors: a zero byte at byte {byte}", path.display())]
    NotText {
        path: PathBuf,
        /// Position of the first zero byte, from 0.
        byte: usize,
    },
    /// The first row holds a word but no number.
    #[error("{}: line {line}: found no numbers in {found}: wanted a word and its numbers", path.display())]
    NoNumbers {
        path: PathBuf,
        line: u64,
        /// The line, shortened.
        found: String,
    },
    /// The first line is not `rows dim`, in a format that wants it.
    #[error("{}: line 1: found {found}: wanted a header of two counts, rows and dim", path.display())]
    NoHeader {
        path: PathBuf,
        /// The first line, shortened.
        found: String,
    },
    /// A header with a count that no file can keep.
    #[error(
        "{}: line 1: the header {found} is out of range: wanted rows and dim, 1 <= dim <= {max_dim}",
        path.display()
    )]
    HeaderRange {
        path: PathBuf,
        /// The first line, shortened.
        found: String,
        /// Largest dim that is read.
        max_dim: usize,
    },
    /// Every row looked at has more numbers than the header says.
    #[error("{}: line 1: the header promises {promised} numbers in a row, the rows have {found}", path.display())]
    HeaderDim {
        path: PathBuf,
        /// Numbers in a row by the header.
        promised: usize,
        /// Numbers in a row by the rows.
        found: usize,
    },
    /// The header promises another number of rows.
    #[error("{}: the header promises {promised} words, the file has {found}", path.display())]
    HeaderRows {
        path: PathBuf,
        /// Rows by the header.
        promised: u64,
        /// Rows in the file.
        found: u64,
    },
    /// Rows with more numbers than any table has.
    #[error("{}: the rows have {found} numbers: at most {limit} are read", path.display())]
    TooWide {
        path: PathBuf,
        /// Numbers in a row.
        found: usize,
        /// Most numbers that are read.
        limit: usize,
    },
    /// A word that ends in a space.
    #[error("{}: line {line}: the word {word} ends in a space: wanted one space between word and numbers", path.display())]
    SpaceBehind {
        path: PathBuf,
        line: u64,
        /// What stands before the numbers, shortened.
        word: String,
    },
    /// A row with too few fields.
    #[error("{}: line {line}: found {found} numbers, wanted {wanted}", path.display())]
    ShortRow {
        path: PathBuf,
        line: u64,
        /// Fields after the first one.
        found: usize,
        /// Numbers in a row.
        wanted: usize,
    },
    /// A row with too many numbers, as far as one can tell: words may hold spaces.
    #[error("{}: line {line}: found {found} numbers, wanted {wanted} after the word {word}", path.display())]
    LongRow {
        path: PathBuf,
        line: u64,
        /// Fields after the first one that are numbers.
        found: usize,
        /// Numbers in a row.
        wanted: usize,
        /// What stands before the last `wanted` fields, shortened.
        word: String,
    },
    /// A field where a number should be.
    #[error("{}: line {line}: number {column} is {found}: wanted a finite number", path.display())]
    NotANumber {
        path: PathBuf,
        line: u64,
        /// Which of the row's numbers, from 1.
        column: usize,
        /// The field, shortened.
        found: String,
    },
    /// A number that the element type cannot hold.
    #[error("{}: line {line}: number {column} is {found}: out of the range of {dtype}", path.display())]
    OutOfRange {
        path: PathBuf,
        line: u64,
        /// Which of the row's numbers, from 1.
        column: usize,
        /// The field, shortened.
        found: String,
        /// The element type.
        dtype: &'static str,
    },
    /// A word that is not UTF-8.
    #[error("{}: line {line}: the word {found} is not UTF-8 (byte {byte} of the line)", path.display())]
    Encoding {
        path: PathBuf,
        line: u64,
        /// Position of the first bad byte in the line, from 0.
        byte: usize,
        /// The word, shortened, with its bad bytes escaped.
        found: String,
    },
    /// A word of a format without lines that is not UTF-8.
    #[error("{}: byte {byte}: the word {found} is not UTF-8", path.display())]
    EncodingAt {
        path: PathBuf,
        /// Position of the first bad byte in the (unpacked) file, from 0.
        byte: u64,
        /// The word, shortened, with its bad bytes escaped.
        found: String,
    },
    /// A row of a binary file that the end of the file cuts off.
    #[error(
        "{}: byte {byte}: the file ends inside a row: found {found} bytes, wanted a word, a space and {dim} float32 values",
        path.display()
    )]
    RowCut {
        path: PathBuf,
        /// Start of the row in the (unpacked) file, from 0.
        byte: u64,
        /// Bytes from there on.
        found: usize,
        /// Values in a row.
        dim: usize,
    },
    /// A word of a format without lines that does not end.
    #[error("{}: byte {byte}: found no end of the word within {limit} bytes: wanted a space", path.display())]
    WordTooLong {
        path: PathBuf,
        /// Start of the word in the (unpacked) file, from 0.
        byte: u64,
        /// Longest word that is read, in bytes.
        limit: usize,
    },
    /// No memory for the table.
    #[error("{}: no memory for a table of {bytes} bytes and more", path.display())]
    Memory {
        path: PathBuf,
        /// Bytes of the table so far.
        bytes: usize,
    },
    /// More words than a table can have.
    #[error("{}: more than {limit} words", path.display())]
    TooManyWords {
        path: PathBuf,
        /// Most words.
        limit: usize,
    },
    /// A file of a format that is read elsewhere.
    #[error("{}: this is a {found} file, which can be read only from a regular file", path.display())]
    OtherFormat {
        path: PathBuf,
        /// Name of its format.
        found: &'static str,
    },
    /// A field of a binary file that cannot be what it says.
    #[error("{}: byte {byte}: {what} is {found}: wanted {wanted}", path.display())]
    Field {
        path: PathBuf,
        /// Start of the field in the (unpacked) file, from 0.
        byte: u64,
        /// What the field tells.
        what: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        wanted: String,
    },
    /// A binary file that ends too early.
    #[error("{}: byte {byte}: the file ends inside {what}", path.display())]
    Cut {
        path: PathBuf,
        /// Where the (unpacked) file ends, from 0.
        byte: u64,
        /// What was being read.
        what: &'static str,
    },
    /// A binary file that is too short for what it says will come.
    #[error("{}: byte {byte}: {what} promises {promised} bytes, the file has {left} left", path.display())]
    Promise {
        path: PathBuf,
        /// Where the promised bytes start, from 0.
        byte: u64,
        /// What is promised.
        what: &'static str,
        /// Bytes promised.
        promised: u64,
        /// Bytes up to the end of the file.
        left: u64,
    },
    /// A binary file with more in it than it should have.
    #[error("{}: byte {byte}: the model ends here, the file goes on", path.display())]
    GoesOn {
        path: PathBuf,
        /// Where the (unpacked) file should end, from 0.
        byte: u64,
    },
    /// A kind of file that cannot be read, though nothing is wrong with it.
    #[error("{}: this is {found}", path.display())]
    Refused {
        path: PathBuf,
        /// What the file is, and why it cannot be read.
        found: &'static str,
    },
    /// Lengths of character n-grams, and a number of rows to hash them into, that cannot be.
    #[error(
        "n-grams of {shortest} to {longest} characters in {buckets} rows: wanted 0 <= shortest <= longest, \
         1 <= longest <= {max} and 1 <= rows < 2^31"
    )]
    Ngrams {
        /// Characters of the shortest n-grams.
        shortest: i64,
        /// Characters of the longest n-grams.
        longest: i64,
        /// Rows that they are hashed into.
        buckets: i64,
        /// Most characters of an n-gram.
        max: usize,
    },
    /// A line longer than any row.
    #[error("{}: line {line}: longer than {limit} bytes", path.display())]
    LineTooLong {
        path: PathBuf,
        line: u64,
        /// Longest line that is read, in bytes.
        limit: usize,
    },
    /// A word that the format cannot hold.
    #[error("word {index}, {word}, cannot be written: {reason}")]
    Word {
        /// Index of the word, from 0.
        index: usize,
        /// The word, shortened.
        word: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A value that could not be read back.
    #[error("word {index}, {word}: value {column} is {value}: wanted a finite number that the format can hold")]
    Value {
        /// Index of the word, from 0.
        index: usize,
        /// The word, shortened.
        word: String,
        /// Which value of the row, from 0.
        column: usize,
        /// The value.
        value: f64,
    },
    /// A table whose first rows would be read back as rows of another width.
    #[error("these words end in numbers, so that their rows would be read back with {found} numbers, not {wanted}")]
    Ambiguous {
        /// Numbers in a row as a reader would take them.
        found: usize,
        /// Numbers in a row.
        wanted: usize,
    },
    /// A format that is only read, or written by other means.
    #[error("{format} is not written row by row")]
    Unwritable {
        /// Name of the format.
        format: &'static str,
    },
    /// Words or values that make a file look like one of another format.
    #[error("these words or values would make a reader take the file for another format than {format}")]
    Unclear {
        /// Name of the format.
        format: &'static str,
    },
    /// A table that the format cannot hold.
    #[error("{rows} rows of {dim} numbers cannot be written as {format}")]
    Shape {
        /// Rows of the table.
        rows: usize,
        /// Numbers in a row.
        dim: usize,
        /// Name of the format.
        format: &'static str,
    },
    /// Words and rows that do not belong together.
    #[error("{words} words for {rows} rows: wanted one word for each row")]
    Lengths {
        /// Number of words.
        words: usize,
        /// Rows of the table.
        rows: usize,
    },
    /// Offsets that do not cut a block of UTF-8 into words.
    #[error("word_offsets[{position}] is {value}: wanted offsets that rise from 0 to {bytes}, between characters")]
    Packed {
        /// Index of the offset.
        position: usize,
        /// The offset.
        value: i64,
        /// Bytes of the block.
        bytes: usize,
    },
    /// A header that says nothing, or what cannot be.
    #[error("{}: not the header of a {format} file: {reason}", path.display())]
    Header {
        path: PathBuf,
        /// Name of the format.
        format: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that is shorter or longer than its header says.
    #[error("{}: the header promises a file of {promised} bytes, it has {found}", path.display())]
    Size {
        path: PathBuf,
        /// Bytes by the header.
        promised: u64,
        /// Bytes of the file.
        found: u64,
    },
    /// Offsets of a file that do not cut its words apart.
    #[error("{}: the offset of word {position} is {value}: wanted offsets that rise from 0 to {bytes}", path.display())]
    Offsets {
        path: PathBuf,
        /// Index of the offset.
        position: usize,
        /// The offset.
        value: i64,
        /// Bytes of the words.
        bytes: usize,
    },
    /// The progress hook asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl FormatError {
    /// An [`FormatError::Io`] about `path`.
    pub fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}
