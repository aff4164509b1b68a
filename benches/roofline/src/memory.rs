//! Memory on huge pages, shared by the threads of a measurement.

use std::alloc::{Layout, alloc, handle_alloc_error};
use std::fs;

/// A huge page of x86-64.
const ALIGNMENT: usize = 2 << 20;

/// Bytes to read to fill the caches with other data: twice the last level of the first core where the system tells its
/// size, and no less than 96 MB, which is more than most machines have.
pub(crate) fn flush_bytes() -> usize {
    let caches = fs::read_dir("/sys/devices/system/cpu/cpu0/cache").into_iter().flatten().flatten();
    let sizes = caches.filter_map(|cache| size_in_bytes(&fs::read_to_string(cache.path().join("size")).ok()?));
    sizes.max().map_or(0, |largest| 2 * largest).max(96 << 20)
}

/// Reads a size as the system writes it: `32768K`.
fn size_in_bytes(text: &str) -> Option<usize> {
    let text = text.trim();
    let digits = text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return None,
    };
    Some(digits.parse::<usize>().ok()? << shift)
}

/// Bytes that are there (every page was written), on huge pages where the system gives them when asked, as it does for
/// NumPy's large arrays. Never released: the process has one table and one stream.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    start: *mut u8,
    len: usize,
}

// SAFETY: the bytes are plain data that live until the process ends; `Memory::part` leaves it to its caller that no two
// threads work on the same ones.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    pub(crate) fn new(bytes: usize) -> Self {
        let len = bytes.next_multiple_of(ALIGNMENT).max(ALIGNMENT);
        let layout = Layout::from_size_align(len, ALIGNMENT).expect("a size that fits the address space");
        // SAFETY: the layout is not empty.
        let start = unsafe { alloc(layout) };
        if start.is_null() {
            handle_alloc_error(layout);
        }
        // Before the first write: pages that are there stay small.
        // SAFETY: the range was just allocated; the advice does not change its contents.
        #[cfg(target_os = "linux")]
        unsafe {
            libc::madvise(start.cast(), len, libc::MADV_HUGEPAGE);
        }
        // SAFETY: the range was just allocated and nobody else knows it.
        unsafe { start.write_bytes(1, len) };
        Self { start, len }
    }

    /// `len` bytes from `offset`.
    ///
    /// # Safety
    /// While the slice lives, no other slice of these bytes is used, unless both are only read.
    pub(crate) unsafe fn part<'a>(self, offset: usize, len: usize) -> &'a mut [u8] {
        assert!(offset.checked_add(len).is_some_and(|end| end <= self.len), "{offset} + {len} of {} bytes", self.len);
        // SAFETY: within the allocation, which is never released; exclusive by this function's contract.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(offset), len) }
    }

    /// Where the byte at `offset` is, to be asked for ahead of its use.
    pub(crate) fn address(self, offset: usize) -> *const u8 {
        self.start.wrapping_add(offset)
    }
}
