//! Files of word vectors: one module per format, read and write.
//!
//! Files are hostile. Memory follows the bytes that arrive, never a number in a header ([`limits`]); every failure is
//! a [`FormatError`] with its file, its line, what was found and what was wanted; a reader returns the values as
//! stored, or nothing. A writer puts a whole file in the place of the old one, or leaves the old one alone.

mod error;
pub mod limits;
mod number;
mod replace;
mod sniff;
mod source;
mod text;
mod text_write;
mod words;

#[cfg(test)]
mod tests;

pub use error::FormatError;
pub use number::{Number, parse_number};
pub use sniff::{Format, Layout};
pub use text::{EncodingErrors, Hook, Progress, ReadOptions, Table, read_text};
pub use text_write::{RowBlocks, write_text};
pub use words::{WordSet, Words};
