//! Writing rows past the caches, for results that do not fit there: an ordinary store would first fetch what it is about
//! to overwrite.

use super::blocks::copy_row;
use super::vector::Vector;
use crate::element::Element;

/// Bytes collected before they are written: enough that the stores into the collection have left the core by then, few
/// enough for the first-level cache to hold rows beside them. Measured on Zen 4, one thread, 131,072 rows of 100 float32,
/// ids uniform: 8 rows 4.6 ms, 16 rows 7.6 ms, straight from the rows 10.9 ms.
const COLLECTED_BYTES: usize = 3 << 10;

/// A cache line, written whole: a partly written one would be fetched after all.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

// SAFETY: any bytes are a Line, zeros too.
unsafe impl bytemuck::Zeroable for Line {}
// SAFETY: a Line is 64 bytes without padding, any of which may be any value.
unsafe impl bytemuck::Pod for Line {}

impl Line {
    /// Writes the line past the caches.
    #[inline(always)]
    fn stream(&mut self, bytes: &[u8]) {
        assert_eq!(bytes.len(), size_of::<Self>(), "a whole line");
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_stream_si128};
            let to = (&raw mut *self).cast::<__m128i>();
            #[expect(clippy::cast_ptr_alignment, reason = "loaded as unaligned")]
            let from = bytes.as_ptr().cast::<__m128i>();
            for quarter in 0..4 {
                // SAFETY: SSE2 is part of the baseline; both sides are 64 bytes, and a Line is aligned to as many.
                unsafe { _mm_stream_si128(to.add(quarter), _mm_loadu_si128(from.add(quarter))) };
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            self.0.copy_from_slice(bytes);
        }
    }
}

/// Waits until streamed lines can be seen by other threads.
fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of the baseline.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

/// Rows on their way to consecutive places.
pub(crate) struct RowStream<'a, T> {
    /// The places before the first whole line, until they are written.
    head: &'a mut [T],
    lines: std::slice::IterMut<'a, Line>,
    /// The places after the last whole line.
    tail: &'a mut [T],
    collected: &'a mut [T],
    filled: usize,
}

impl<'a, T: Element> RowStream<'a, T> {
    const PER_LINE: usize = size_of::<Line>() / size_of::<T>();

    /// Elements that rows of `dim` are collected in.
    pub(crate) fn collected_len(dim: usize) -> usize {
        (COLLECTED_BYTES / size_of::<T>()).max(dim) + Self::PER_LINE
    }

    /// Rows for `out`, collected in scratch of `collected_len` elements.
    pub(crate) fn new(out: &'a mut [T], collected: &'a mut [T]) -> Self {
        let (head, lines, tail) = bytemuck::pod_align_to_mut::<T, Line>(out);
        Self { head, lines: lines.iter_mut(), tail, collected, filled: 0 }
    }

    /// The next row.
    #[inline(always)]
    pub(crate) fn push<V: Vector<T>>(&mut self, row: &[T]) {
        if self.filled + row.len() > self.collected.len() {
            self.flush();
        }
        copy_row::<T, V>(&mut self.collected[self.filled..self.filled + row.len()], row);
        self.filled += row.len();
    }

    #[inline(always)]
    fn flush(&mut self) {
        let head = std::mem::take(&mut self.head);
        head.copy_from_slice(&self.collected[..head.len()]);
        let mut rest = &self.collected[head.len()..self.filled];
        while rest.len() >= Self::PER_LINE
            && let Some(line) = self.lines.next()
        {
            let (first, others) = rest.split_at(Self::PER_LINE);
            line.stream(bytemuck::cast_slice(first));
            rest = others;
        }
        let kept = rest.len();
        self.collected.copy_within(self.filled - kept..self.filled, 0);
        self.filled = kept;
    }

    /// Writes what is still collected. As many rows were pushed as there are places.
    pub(crate) fn finish(mut self) {
        self.flush();
        self.tail.copy_from_slice(&self.collected[..self.filled]);
        fence();
    }
}
