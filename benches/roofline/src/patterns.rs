//! The loops that are timed, each in several variants; a floor is the time of the best one.

use std::hint::black_box;
use std::sync::Arc;

use crate::level::{self, Kernel};
use crate::memory::Memory;
use crate::team::Work;

/// A cache line, in bytes.
const LINE: usize = 64;

/// What rows are made of, in bytes: a float32.
const WORD: usize = 4;

/// One way to write the loop of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Variant {
    /// Each thread reads so many streams at once, and asks so many lines ahead.
    Streams { count: usize, ahead: usize },
    /// Stores that bypass the caches.
    Streaming,
    /// The C library's memset.
    Fill,
    /// Rows in ascending or in random order, asking so many rows ahead.
    Rows { ascending: bool, ahead: usize },
}

/// Reads `bytes` from `offset` on.
pub(crate) fn read(memory: Memory, offset: usize, bytes: usize, threads: usize, variant: Variant) -> Work {
    let Variant::Streams { count, ahead } = variant else { unreachable!("a variant of another pattern") };
    Arc::new(move |thread| {
        let (from, to) = share(bytes.div_ceil(LINE), threads, thread);
        let end = (to * LINE).min(bytes);
        // SAFETY: nobody writes to the stream while it is read.
        let part = unsafe { memory.part(offset + from * LINE, end.saturating_sub(from * LINE)) };
        level::run(Read { part, count, ahead });
    })
}

struct Read<'a> {
    part: &'a [u8],
    count: usize,
    ahead: usize,
}

impl Kernel for Read<'_> {
    #[inline(always)]
    fn run(self) {
        let mut sums = Sums::default();
        let length = (self.part.len() / self.count).next_multiple_of(LINE).max(LINE);
        let streams: Vec<&[u8]> = self.part.chunks(length).collect();
        for start in (0..length).step_by(4 * LINE) {
            for stream in &streams {
                if self.ahead > 0 {
                    for line in 0..4 {
                        prefetch(stream.as_ptr().wrapping_add(start + (self.ahead + line) * LINE));
                    }
                }
                let block = stream.get(start..(start + 4 * LINE).min(stream.len())).unwrap_or(&[]);
                sums.add(block);
            }
        }
        black_box((sums.lines, sums.words));
    }
}

/// Writes `bytes` from `offset` on.
pub(crate) fn write(memory: Memory, offset: usize, bytes: usize, threads: usize, variant: Variant) -> Work {
    Arc::new(move |thread| {
        let (from, to) = share(bytes.div_ceil(LINE), threads, thread);
        let end = (to * LINE).min(bytes.next_multiple_of(LINE));
        // SAFETY: each thread has a share of its own.
        let part = unsafe { memory.part(offset + from * LINE, end - from * LINE) };
        match variant {
            Variant::Streaming => stream(part),
            _ => part.fill(black_box(3)),
        }
    })
}

/// Writes the whole of `part`, which starts and ends with a line, with stores that bypass the caches.
fn stream(part: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    {
        assert!(part.as_ptr().addr().is_multiple_of(LINE) && part.len().is_multiple_of(LINE));
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the machine has AVX-512F; whole aligned lines, just checked.
            unsafe { stream_avx512(part) };
        } else {
            // SAFETY: whole aligned lines, just checked.
            unsafe { stream_sse2(part) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    part.fill(black_box(3));
}

/// # Safety
/// The machine has AVX-512F; `part` starts and ends with a line.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn stream_avx512(part: &mut [u8]) {
    use std::arch::x86_64::{_mm_sfence, _mm512_set1_epi8, _mm512_stream_si512};
    let value = _mm512_set1_epi8(3);
    for line in part.chunks_exact_mut(LINE) {
        // SAFETY: a whole aligned line.
        unsafe { _mm512_stream_si512(line.as_mut_ptr().cast(), value) };
    }
    _mm_sfence();
}

/// # Safety
/// `part` starts and ends with a line.
#[cfg(target_arch = "x86_64")]
unsafe fn stream_sse2(part: &mut [u8]) {
    use std::arch::x86_64::{_mm_set1_epi8, _mm_sfence, _mm_stream_si128};
    // SAFETY: part of the baseline of x86-64.
    let value = unsafe { _mm_set1_epi8(3) };
    for quarter in part.chunks_exact_mut(LINE / 4) {
        // SAFETY: a whole aligned quarter of a line.
        unsafe { _mm_stream_si128(quarter.as_mut_ptr().cast(), value) };
    }
    // SAFETY: part of the baseline of x86-64.
    unsafe { _mm_sfence() };
}

/// Rows to visit: their numbers in ascending and in random order.
pub(crate) struct RowSet {
    pub(crate) ascending: Vec<u32>,
    pub(crate) random: Vec<u32>,
}

/// Reads, and writes back changed where `update` says so, each row of the set.
pub(crate) fn rows(
    memory: Memory,
    set: &Arc<RowSet>,
    width: usize,
    threads: usize,
    variant: Variant,
    update: bool,
) -> Work {
    let Variant::Rows { ascending, ahead } = variant else { unreachable!("a variant of another pattern") };
    let set = Arc::clone(set);
    Arc::new(move |thread| {
        let all = if ascending { &set.ascending } else { &set.random };
        let (from, to) = share(all.len(), threads, thread);
        let rows = &all[from..to];
        if update {
            level::run(Update { memory, rows, width, ahead });
        } else {
            level::run(Gather { memory, rows, width, ahead });
        }
    })
}

struct Gather<'a> {
    memory: Memory,
    rows: &'a [u32],
    width: usize,
    ahead: usize,
}

impl Kernel for Gather<'_> {
    #[inline(always)]
    fn run(self) {
        let mut sums = Sums::default();
        for (position, &row) in self.rows.iter().enumerate() {
            ask_ahead(self.memory, self.rows, position, self.width, self.ahead);
            // SAFETY: nobody writes to the table while it is read.
            let row = unsafe { self.memory.part(row as usize * self.width, self.width) };
            sums.add(row);
        }
        black_box((sums.lines, sums.words));
    }
}

struct Update<'a> {
    memory: Memory,
    rows: &'a [u32],
    width: usize,
    ahead: usize,
}

impl Kernel for Update<'_> {
    #[inline(always)]
    fn run(self) {
        for (position, &row) in self.rows.iter().enumerate() {
            ask_ahead(self.memory, self.rows, position, self.width, self.ahead);
            // SAFETY: the rows of a set differ, and each thread has some of its own.
            let row = unsafe { self.memory.part(row as usize * self.width, self.width) };
            let (lines, rest) = row.as_chunks_mut::<LINE>();
            for line in lines {
                change(line);
            }
            for word in rest.chunks_exact_mut(WORD) {
                change(word);
            }
        }
    }
}

/// Asks for the row that is `ahead` rows later, into the second-level cache: the first has few fill buffers.
#[inline(always)]
fn ask_ahead(memory: Memory, rows: &[u32], position: usize, width: usize, ahead: usize) {
    if ahead > 0
        && let Some(&later) = rows.get(position + ahead)
    {
        let start = memory.address(later as usize * width);
        let skew = start.addr() % LINE;
        for line in 0..(skew + width).div_ceil(LINE) {
            prefetch(start.wrapping_add(line * LINE));
        }
    }
}

#[inline(always)]
fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a hint that never faults, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Sums that need all bytes, so that no load can be left out.
struct Sums {
    lines: [u8; LINE],
    words: [u8; WORD],
}

impl Default for Sums {
    #[inline(always)]
    fn default() -> Self {
        Self { lines: [0; LINE], words: [0; WORD] }
    }
}

impl Sums {
    #[inline(always)]
    fn add(&mut self, bytes: &[u8]) {
        let (lines, rest) = bytes.as_chunks::<LINE>();
        for line in lines {
            for (sum, byte) in self.lines.iter_mut().zip(line) {
                *sum ^= byte;
            }
        }
        for word in rest.chunks_exact(WORD) {
            for (sum, byte) in self.words.iter_mut().zip(word) {
                *sum ^= byte;
            }
        }
    }
}

#[inline(always)]
fn change(bytes: &mut [u8]) {
    for byte in bytes {
        *byte ^= 1;
    }
}

/// The `thread`-th of `threads` shares of `0..count`.
fn share(count: usize, threads: usize, thread: usize) -> (usize, usize) {
    (count * thread / threads, count * (thread + 1) / threads)
}
