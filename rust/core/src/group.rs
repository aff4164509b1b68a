//! Repeated ids → each touched row once, rows ascending, its occurrences in order of appearance.
//!
//! A radix sort in two steps: blocks of occurrences are parted by the highest bits of their rows, then each bucket is
//! put together from all blocks and sorted by the other bits. Blocks and buckets go to different threads, and what
//! moves between them is stable, so the result depends on the data alone. Few occurrences are sorted in one step,
//! ascending ones not at all.

use std::ops::Range;

use crate::error::Error;
use crate::ids::{Id, Ids, Values, with_ids};
use crate::parallel::for_each_job;
use crate::scratch::Buffer;

/// Occurrences that are parted in one go: their keys stay in the second-level cache.
const BLOCK: usize = if cfg!(test) { 256 } else { 16 << 10 };

/// Buckets of each doubling of the row: vocabularies are often sorted by frequency, where each doubling holds about as
/// many occurrences, and often not, where the last one holds half of them.
const PER_DOUBLING_BITS: u32 = 3;

/// As many as rows of 32 bits need.
const BUCKETS: usize = bucket_of(u32::MAX as usize) + 1;

/// Most bits sorted per pass over a bucket.
const DIGIT_BITS: u32 = 8;

/// Passes that rows of 32 bits need.
const MOST_PASSES: usize = u32::BITS.div_ceil(DIGIT_BITS) as usize;

/// Below this a comparison sort is faster than clearing and adding up the counters of a radix sort.
const SMALL: usize = 128;

/// Memory traffic per occurrence, to decide whether threads are woken: a handful of passes over keys of 8 bytes.
const BYTES_EACH: usize = 64;

/// Ids to group, and what to remember of each occurrence.
#[derive(Clone, Copy)]
pub(crate) struct Marked<'a> {
    pub(crate) ids: &'a Ids,
    /// A number for each occurrence, never falling; its position where there are none.
    pub(crate) marks: Option<&'a [u32]>,
    /// Above all marks. The next list's marks count on from here.
    pub(crate) end: usize,
}

impl<'a> Marked<'a> {
    /// Remembers positions.
    pub(crate) fn by_position(ids: &'a Ids) -> Self {
        Self { ids, marks: None, end: ids.len() }
    }
}

/// Touched rows and where their ids occur.
pub(crate) struct Groups {
    rows: Buffer<usize>,
    /// Where each row's occurrences start in `marks`, and at last their number.
    starts: Buffer<u32>,
    marks: Buffer<u32>,
}

impl Groups {
    /// Groups the ids of several lists, one after the other. Rows for which `keep` is false are left out.
    pub(crate) fn new(lists: &[Marked<'_>], keep: impl Fn(usize) -> bool + Sync) -> Result<Self, Error> {
        let count: usize = lists.iter().map(|list| list.ids.len()).sum();
        let end: usize = lists.iter().map(|list| list.end).sum();
        if u32::try_from(count.max(end)).is_err() {
            return Err(Error::TooManyIds { got: count.max(end) });
        }
        let rows = lists.first().map_or(0, |list| list.ids.rows());
        let lists = Lists { lists, keep };
        if !lists.lists.iter().all(|list| matches!(list.ids.values(), Values::Narrow(_))) {
            let mut pairs = Vec::new();
            pairs.try_reserve_exact(count).map_err(|_| Error::Memory { bytes: count * size_of::<(usize, u32)>() })?;
            lists.each(0..count, |row, mark| pairs.push((row, mark)));
            pairs.sort_unstable();
            return Self::collect(pairs.len(), pairs.into_iter());
        }
        let ascend = lists.ascend(count);
        if !ascend && count > BLOCK {
            return Parted::new(&lists, count)?.sort();
        }
        let mut keys = Buffer::of_len(count)?;
        let mut kept = 0;
        lists.each(0..count, |row, mark| {
            keys[kept] = key(row, mark);
            kept += 1;
        });
        keys.truncate(kept);
        if !ascend {
            let row_bits = usize::BITS - rows.saturating_sub(1).leading_zeros();
            let mut sorted = Buffer::of_len(kept)?;
            sort([&*keys], row_bits, &mut sorted, &mut Buffer::of_len(kept)?);
            keys = sorted;
        }
        Self::collect(kept, keys.iter().map(|&key| (row_of(key), key as u32)))
    }

    fn collect(count: usize, sorted: impl Iterator<Item = (usize, u32)>) -> Result<Self, Error> {
        let mut rows = Buffer::of_len(count)?;
        let mut starts = Buffer::of_len(count + 1)?;
        let mut marks = Buffer::of_len(count)?;
        let touched = collect(sorted, 0, &mut rows, &mut starts, &mut marks);
        starts[touched] = count as u32;
        rows.truncate(touched);
        starts.truncate(touched + 1);
        Ok(Self { rows, starts, marks })
    }

    /// Touched rows, strictly ascending.
    #[inline(always)]
    pub(crate) fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// Occurrences before those of touched row `k`.
    #[inline(always)]
    pub(crate) fn start(&self, k: usize) -> usize {
        self.starts[k] as usize
    }

    /// Occurrences of all touched rows.
    #[inline(always)]
    pub(crate) fn occurrences(&self) -> usize {
        self.marks.len()
    }

    /// The mark of the `n`-th occurrence, counting row by row.
    #[inline(always)]
    pub(crate) fn mark(&self, n: usize) -> u32 {
        self.marks[n]
    }

    /// The marks of touched row `k`, in order of appearance.
    pub(crate) fn marks(&self, k: usize) -> &[u32] {
        &self.marks[self.start(k)..self.start(k + 1)]
    }
}

/// Writes sorted occurrences as touched rows, and returns their number. `before` occurrences come before these.
fn collect(
    sorted: impl Iterator<Item = (usize, u32)>,
    before: usize,
    rows: &mut [usize],
    starts: &mut [u32],
    marks: &mut [u32],
) -> usize {
    let mut touched = 0;
    let mut last = usize::MAX;
    for (occurrence, ((row, mark), place)) in sorted.zip(marks).enumerate() {
        *place = mark;
        // Whether a row is new is anyone's guess, so it is no branch: what is not new is overwritten.
        if touched < rows.len() {
            rows[touched] = row;
            starts[touched] = (before + occurrence) as u32;
        }
        touched += usize::from(row != last);
        last = row;
    }
    touched
}

/// Sorts by row first; marks of a row stay as they come.
fn key(row: usize, mark: u32) -> u64 {
    (row as u64) << 32 | u64::from(mark)
}

fn row_of(key: u64) -> usize {
    (key >> 32) as usize
}

/// The ids of all lists, one after the other.
struct Lists<'a, K> {
    lists: &'a [Marked<'a>],
    keep: K,
}

impl<K: Fn(usize) -> bool> Lists<'_, K> {
    /// Visits row and mark of some occurrences that are kept, in order.
    fn each(&self, range: Range<usize>, mut visit: impl FnMut(usize, u32)) {
        let (mut first, mut base) = (0, 0);
        for list in self.lists {
            let count = list.ids.len();
            let within = range.start.clamp(first, first + count) - first..range.end.clamp(first, first + count) - first;
            with_ids!(list.ids, |ids| {
                for (i, id) in within.clone().zip(&ids[within]) {
                    if (self.keep)(id.row()) {
                        let mark = list.marks.map_or(i as u32, |marks| marks[i]);
                        visit(id.row(), base + mark);
                    }
                }
            });
            first += count;
            base += list.end as u32;
        }
    }

    /// Do rows never fall?
    fn ascend(&self, count: usize) -> bool {
        let mut before = 0;
        (0..count).step_by(BLOCK).all(|start| {
            let mut ascend = true;
            self.each(start..(start + BLOCK).min(count), |row, _| {
                ascend &= before <= row;
                before = row;
            });
            ascend
        })
    }
}

/// Occurrences, parted by the highest bits of their rows within each block.
struct Parted {
    keys: Buffer<u64>,
    /// Where each bucket of each block starts in `keys`, and where the last one ends: `BUCKETS + 1` per block.
    starts: Buffer<u32>,
    blocks: usize,
}

impl Parted {
    fn new<K: Fn(usize) -> bool + Sync>(lists: &Lists<'_, K>, count: usize) -> Result<Self, Error> {
        let blocks = count.div_ceil(BLOCK);
        let mut keys = Buffer::of_len(count)?;
        let mut starts = Buffer::of_len(blocks * (BUCKETS + 1))?;
        let jobs = keys.chunks_mut(BLOCK).zip(starts.chunks_mut(BUCKETS + 1));
        for_each_job(jobs, count * BYTES_EACH, |block, (keys, starts)| {
            let first = block * BLOCK;
            let range = first..first + keys.len();
            let mut ends = [0; BUCKETS];
            lists.each(range.clone(), |row, _| ends[bucket_of(row)] += 1);
            let mut sum = 0;
            for (end, start) in ends.iter_mut().zip(starts.iter_mut()) {
                *start = (first + sum) as u32;
                sum += std::mem::replace(end, sum);
            }
            starts[BUCKETS] = (first + sum) as u32;
            lists.each(range, |row, mark| {
                let place = &mut ends[bucket_of(row)];
                keys[*place] = key(row, mark);
                *place += 1;
            });
        });
        Ok(Self { keys, starts, blocks })
    }

    /// Where a bucket's keys stand, block by block.
    fn pieces(&self, bucket: usize) -> impl Iterator<Item = &[u64]> {
        (0..self.blocks).map(move |block| {
            let starts = &self.starts[block * (BUCKETS + 1) + bucket..][..2];
            &self.keys[starts[0] as usize..starts[1] as usize]
        })
    }

    fn sort(&self) -> Result<Groups, Error> {
        let sizes: [usize; BUCKETS] = std::array::from_fn(|bucket| self.pieces(bucket).map(<[u64]>::len).sum());
        let count = sizes.iter().sum();
        let bytes = count * BYTES_EACH;
        let mut sorted = Buffer::of_len(count)?;
        let mut spare = Buffer::of_len(count)?;
        let mut touched = [0; BUCKETS];
        let jobs = cut(&mut sorted, sizes).zip(cut(&mut spare, sizes)).zip(&mut touched);
        for_each_job(jobs, bytes, |bucket, ((sorted, spare), touched)| {
            sort(self.pieces(bucket), low_bits(bucket), sorted, spare);
            let new = sorted.windows(2).filter(|pair| row_of(pair[0]) != row_of(pair[1])).count();
            *touched = new + usize::from(!sorted.is_empty());
        });
        let rows_touched = touched.iter().sum();
        let mut rows = Buffer::of_len(rows_touched)?;
        let mut starts = Buffer::of_len(rows_touched + 1)?;
        let mut marks = Buffer::of_len(count)?;
        let befores = sizes.iter().scan(0, |end, size| {
            *end += size;
            Some(*end - size)
        });
        let sorted = cut(&mut sorted, sizes).zip(befores);
        let jobs = sorted.zip(cut(&mut rows, touched)).zip(cut(&mut starts, touched)).zip(cut(&mut marks, sizes));
        for_each_job(jobs, bytes, |_, ((((sorted, before), rows), starts), marks)| {
            collect(sorted.iter().map(|&key| (row_of(key), key as u32)), before, rows, starts, marks);
        });
        starts[rows_touched] = count as u32;
        Ok(Groups { rows, starts, marks })
    }
}

/// The bucket of a row, never falling as rows rise: 3 bits after the highest one.
const fn bucket_of(row: usize) -> usize {
    let per_doubling = 1 << PER_DOUBLING_BITS;
    if row < per_doubling {
        return row;
    }
    let low_bits = row.ilog2() - PER_DOUBLING_BITS;
    low_bits as usize * per_doubling + (row >> low_bits)
}

/// Bits of a row that its bucket does not tell.
fn low_bits(bucket: usize) -> u32 {
    (bucket as u32 >> PER_DOUBLING_BITS).saturating_sub(1)
}

/// Puts keys together from pieces and sorts them by the lowest bits of their rows, least significant digit first, which
/// is stable. `sorted` and `spare` are as long as the pieces together.
fn sort<'p>(pieces: impl IntoIterator<Item = &'p [u64]>, bits: u32, sorted: &mut [u64], spare: &mut [u64]) {
    if sorted.len() < SMALL {
        let mut filled = 0;
        for piece in pieces {
            sorted[filled..filled + piece.len()].copy_from_slice(piece);
            filled += piece.len();
        }
        // Marks of a row ascend, so that whole keys may be compared.
        sorted.sort_unstable();
        return;
    }
    let passes = bits.div_ceil(DIGIT_BITS);
    let digit_bits = bits.div_ceil(passes.max(1));
    let digit = |key: u64, pass: u32| (key >> (32 + pass * digit_bits)) as usize & ((1 << digit_bits) - 1);
    let (mut from, mut to) = if passes.is_multiple_of(2) { (sorted, spare) } else { (spare, sorted) };
    let mut ends = [[0u32; 1 << DIGIT_BITS]; MOST_PASSES];
    let mut filled = 0;
    for piece in pieces {
        for (&key, place) in piece.iter().zip(&mut from[filled..]) {
            *place = key;
            for (pass, ends) in (0..passes).zip(&mut ends) {
                ends[digit(key, pass)] += 1;
            }
        }
        filled += piece.len();
    }
    for (pass, ends) in (0..passes).zip(&mut ends) {
        let mut sum = 0;
        for end in ends.iter_mut() {
            sum += std::mem::replace(end, sum);
        }
        for &key in from.iter() {
            let place = &mut ends[digit(key, pass)];
            to[*place as usize] = key;
            *place += 1;
        }
        std::mem::swap(&mut from, &mut to);
    }
}

/// Cuts a slice into pieces of the given sizes, one after the other.
fn cut<T, const N: usize>(mut slice: &mut [T], sizes: [usize; N]) -> impl Iterator<Item = &mut [T]> {
    sizes.into_iter().map(move |size| slice.split_off_mut(..size).expect("sizes add up to the slice"))
}
