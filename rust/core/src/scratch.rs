//! What is kept between calls: buffers for checked ids, for grouping and for outputs, so that a steady training loop
//! allocates nothing and does not pay for fresh pages on every call.
//!
//! A `Buffer` returns its memory here when it is dropped. What is kept is capped; `empty_cache` releases it.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use crate::error::Error;
use crate::parallel::{PerProcess, num_threads};

/// Two outputs of 131,072 rows of 200 numbers, and some: one in the caller's hands while the next is written.
pub(crate) const MAX_KEPT_BYTES: usize = 256 << 20;

/// Few enough to search in a line.
const MAX_KEPT_BLOCKS: usize = 64;

/// Words that a block may be larger than a request that it serves, beside a quarter of the request.
const MAX_SPARE_WORDS: usize = 8 << 10;

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
#[cfg(test)]
pub(crate) fn cached_bytes() -> usize {
    with_kept(|kept| kept.bytes)
}

/// A vector of zeros. Zeros that are never written cost no memory.
///
/// # Errors
/// If there is no memory for it.
pub fn zeroed<T: bytemuck::Zeroable>(len: usize) -> Result<Vec<T>, Error> {
    let bytes = len.saturating_mul(size_of::<T>());
    if isize::try_from(bytes).is_err() {
        return Err(Error::Memory { bytes });
    }
    bytemuck::try_zeroed_vec(len).map_err(|()| Error::Memory { bytes })
}

/// Asks the system for huge pages, as NumPy does for its arrays: each page touched for the first time costs a fault.
pub(crate) fn use_huge_pages<T>(block: &Vec<T>) {
    #[cfg(target_os = "linux")]
    {
        let bytes = block.capacity() * size_of::<T>();
        if bytes >= HUGE_BYTES {
            let start = block.as_ptr().addr().next_multiple_of(PAGE_BYTES);
            let end = (block.as_ptr().addr() + bytes) & !(PAGE_BYTES - 1);
            // SAFETY: the pages lie within the block, and the advice changes how they are backed, not what they hold.
            unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = block;
}

/// Blocks from this size on are backed by huge pages.
#[cfg(target_os = "linux")]
const HUGE_BYTES: usize = 4 << 20;

/// No smaller than any page size of the machines that Linux runs on; whole pages of it are asked for.
#[cfg(target_os = "linux")]
const PAGE_BYTES: usize = 64 << 10;

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
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn of_len(len: usize) -> Result<Self, Error> {
        const { Self::FITS_WORDS }
        let bytes = len.checked_mul(size_of::<T>()).filter(|&bytes| isize::try_from(bytes).is_ok());
        let words_needed = bytes.ok_or(Error::Memory { bytes: usize::MAX })?.div_ceil(size_of::<u64>());
        if words_needed == 0 {
            return Ok(Self { words: Vec::new(), len, element: PhantomData });
        }
        let block = with_kept(|kept| {
            let most = words_needed + words_needed / 4 + MAX_SPARE_WORDS;
            let suits = |block: &Vec<u64>| (words_needed..=most).contains(&block.capacity());
            let suiting = kept.blocks.iter().enumerate().filter(|(_, block)| suits(block));
            let best = suiting.min_by_key(|(_, block)| block.capacity())?.0;
            let block = kept.blocks.swap_remove(best);
            kept.bytes -= block.capacity() * size_of::<u64>();
            Some(block)
        });
        let mut words = block.map_or_else(|| zeroed(words_needed).inspect(use_huge_pages), Ok)?;
        words.resize(words_needed, 0);
        Ok(Self { words, len, element: PhantomData })
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
        if bytes == 0 {
            return;
        }
        with_kept(|kept| {
            if kept.bytes + bytes <= MAX_KEPT_BYTES && kept.blocks.len() < MAX_KEPT_BLOCKS {
                kept.bytes += bytes;
                kept.blocks.push(block);
            }
        });
    }
}

/// Rows of scratch for the parts of a call (sums, maxima, collected rows), one for each thread that may be at work.
pub(crate) struct Workspace<T> {
    free: Mutex<Vec<Buffer<T>>>,
    len: usize,
}

impl<T: bytemuck::Pod> Workspace<T> {
    /// Rows of `len` elements.
    pub(crate) fn new(len: usize) -> Result<Self, Error> {
        let free = (0..num_threads()).map(|_| Buffer::of_len(len)).collect::<Result<_, _>>()?;
        Ok(Self { free: Mutex::new(free), len })
    }

    /// Runs `work` with a row of unspecified values.
    pub(crate) fn with_row<R>(&self, work: impl FnOnce(&mut [T]) -> R) -> R {
        let free = || self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = free().pop();
        match taken {
            Some(mut row) => {
                let result = work(&mut row);
                free().push(row);
                result
            }
            // Only if the number of threads was raised during this call.
            None => work(&mut vec![T::zeroed(); self.len]),
        }
    }
}
