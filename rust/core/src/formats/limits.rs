//! Caps on what a file may make us hold. Nothing is allocated from a number in a header: memory grows with the
//! bytes that arrive, and these bounds say how far.

/// Longest line, in bytes, without its line break. A row of 10,000 float64 values takes about 250 kB.
pub const MAX_LINE: usize = 16 << 20;

/// Most numbers in one row. A header that asks for more is refused before anything is read.
pub const MAX_DIM: usize = 1 << 20;

/// Longest word of a format that does not have lines, in bytes.
pub const MAX_WORD: usize = 1 << 20;

/// Longest header of a safetensors file, in bytes. What is made of JSON takes a multiple of its bytes, so this bounds
/// what a file without data can cost. The headers of language models with thousands of tensors take less than 1 MiB.
pub const MAX_HEADER: usize = 4 << 20;

/// Most words in a table: their numbers fit 32 bits.
pub const MAX_WORDS: usize = u32::MAX as usize;

/// Bytes looked at to tell what a file is (more, up to [`MAX_LINE`], where its first line is longer).
pub const HEAD: usize = 256 << 10;

/// Rows looked at to tell how many numbers the rows of a file without a header have.
pub const HEAD_ROWS: usize = 64;

/// Rows that are written between two calls of the progress hook; the longest wait for Ctrl-C is the time these take.
pub const PROGRESS_ROWS: u64 = 1024;
