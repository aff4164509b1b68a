//! What is kept between calls: buffers for checked ids and for grouping, so that a steady training loop allocates nothing.
//!
//! A `Buffer` returns its memory here when it is dropped. At most `MAX_KEPT_BYTES` are kept; `empty_cache` releases them.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use crate::parallel::PerProcess;

/// Enough for the ids and the grouping of about two million ids; larger buffers go back to the allocator.
const MAX_KEPT_BYTES: usize = 64 << 20;

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
        let mut words = with_kept(|kept| {
            // The smallest that suffices, so that a large block stays for whoever needs it.
            let fitting = kept.blocks.iter().enumerate().filter(|(_, block)| block.capacity() >= words_needed);
            let best = fitting.min_by_key(|(_, block)| block.capacity())?.0;
            let block = kept.blocks.swap_remove(best);
            kept.bytes -= block.capacity() * size_of::<u64>();
            Some(block)
        })
        .unwrap_or_default();
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
            if bytes > 0 && kept.bytes + bytes <= MAX_KEPT_BYTES {
                kept.bytes += bytes;
                kept.blocks.push(block);
            }
        });
    }
}
