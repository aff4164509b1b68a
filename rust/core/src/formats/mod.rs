//! Files of word vectors: one module per format, read and write.
//!
//! Files are hostile. Memory follows the bytes that arrive, never a number in a header ([`limits`]); every failure is
//! a [`FormatError`] with its file, its line, what was found and what was wanted; a reader returns the values as
//! stored, or nothing. A writer puts a whole file in the place of the old one, or leaves the old one alone.

mod collect;
mod error;
mod excerpt;
mod fasttext_binary;
mod fields;
pub mod limits;
mod number;
mod pipeline;
mod raw_words;
mod read;
mod replace;
mod safetensors;
mod sniff;
mod source;
mod subwords;
mod table;
mod text;
mod text_write;
mod word2vec_binary;
mod words;
mod write;

#[cfg(test)]
mod tests;

pub use collect::Faults;
pub use error::FormatError;
pub use fasttext_binary::{FastTextModel, ModelKind, read_fasttext_binary};
pub use number::{Number, parse_number};
pub use raw_words::{PickedWords, pick_packed_words, pick_word_lines};
pub use read::{inspect_vectors, read_vectors};
pub use safetensors::{Tensor, TensorFile, parse_safetensors, safetensors_head};
pub use sniff::{Format, sniff_file};
pub use subwords::{MAX_NGRAM, Ngrams, Subwords};
pub use table::{EncodingErrors, FileInfo, Hook, Progress, ReadOptions, Table};
pub use words::{WordHasher, WordSet, Words};
pub use write::{RowBlocks, write_vectors};
