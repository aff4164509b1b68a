//! What is kept between calls: buffers for checked ids, for grouping and for outputs, so that a steady training loop
//! allocates nothing and does not pay for fresh pages on every call.
//!
//! A `Buffer` returns its memory here when it is dropped. What is kept is capped; `empty_cache` releases it.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use crate::parallel::PerProcess;

/// Two outputs of 131,072 rows of 200 numbers, and some: one in the caller's hands while the next is written.
pub(crate) const MAX_KEPT_BYTES: usize = 256 << 20;

/// Few enough to search in a line.
const MAX_KEPT_BLOCKS: usize = 64;

/// A block may serve a request of this part of its size or more, so that small requests do not tie up large blocks.
const LEAST_USE: usize = 4;

/// Blocks are 64-bit words, so that one fits every element type used here.
#[derive(Default)]
struct Kept {
    blocks: Vec<Vec<u64>>,
    bytes: usize,
}

static KEPT: PerProcess<Mutex<Kept>> = PerProcess::new();

fn with_kept<R>(work: impl FnOnce(&mut Kept) -> R) -> R {
    work(&mut KEPT.get(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner))
}

/// Releases every kept buffer to the allocator.
pub fn empty_cache() {
    with_kept(|kept| *kept = Kept::default());
}

/// Bytes kept for later calls.
pub fn cached_bytes() -> usize {
    with_kept(|kept| kept.bytes)
}

/// A vector of a fixed length whose memory is recycled.
#[derive(Debug)]
pub struct Buffer<T> {
    words: Vec<u64>,
    len: usize,
    element: PhantomData<T>,
}

impl<T: bytemuck::Pod> Buffer<T> {
    const FITS_WORDS: () = assert!(align_of::<T>() <= align_of::<u64>() && size_of::<T>() > 0);

    /// A buffer of `len` elements of unspecified value: whatever an earlier use left there.
    pub fn of_len(len: usize) -> Self {
        const { Self::FITS_WORDS }
        let words_needed = (len * size_of::<T>()).div_ceil(size_of::<u64>());
        let block = with_kept(|kept| {
            let suits = |block: &Vec<u64>| (words_needed..=LEAST_USE * words_needed).contains(&block.capacity());
            let suiting = kept.blocks.iter().enumerate().filter(|(_, block)| suits(block));
            let best = suiting.min_by_key(|(_, block)| block.capacity())?.0;
            let block = kept.blocks.swap_remove(best);
            kept.bytes -= block.capacity() * size_of::<u64>();
            Some(block)
        });
        // Zeros that were never written cost no memory yet.
        let mut words = block.unwrap_or_else(|| vec![0; words_needed]);
        words.resize(words_needed, 0);
        Self { words, len, element: PhantomData }
    }

    /// The same memory, `len` elements long.
    ///
    /// # Panics
    /// If that is longer than now.
    pub fn truncate(&mut self, len: usize) {
        assert!(len <= self.len, "a buffer only shrinks");
        self.len = len;
    }
}

impl<T: bytemuck::Pod> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }
}

impl<T: bytemuck::Pod> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.len]
    }
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        let block = std::mem::take(&mut self.words);
        let bytes = block.capacity() * size_of::<u64>();
        with_kept(|kept| {
            if bytes > 0 && kept.bytes + bytes <= MAX_KEPT_BYTES && kept.blocks.len() < MAX_KEPT_BLOCKS {
                kept.bytes += bytes;
                kept.blocks.push(block);
            }
        });
    }
}
