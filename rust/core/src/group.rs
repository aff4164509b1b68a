//! Repeated ids → each touched row once, rows ascending, its occurrences in order of appearance.

use crate::error::Error;
use crate::ids::{Id, Ids, Values, with_ids};
use crate::scratch::Buffer;

/// Bits sorted per pass: a table of 2^11 counters stays in the first-level cache.
const DIGIT_BITS: u32 = 11;

/// Below this a comparison sort is faster than clearing and adding up the counters of a radix sort.
const SMALL: usize = 512;

/// Touched rows and where their ids occur.
pub(crate) struct Groups {
    rows: Buffer<usize>,
    /// Where each row's occurrences start in `positions`, and at last their number.
    starts: Buffer<u32>,
    positions: Buffer<u32>,
}

impl Groups {
    /// Groups the ids of several lists, one after the other; positions count through all of them. Rows for which
    /// `keep` is false are left out.
    pub(crate) fn new(lists: &[&Ids], keep: impl Fn(usize) -> bool) -> Result<Self, Error> {
        let count: usize = lists.iter().map(|ids| ids.len()).sum();
        if u32::try_from(count).is_err() {
            return Err(Error::TooManyIds { got: count });
        }
        let rows = lists.first().map_or(0, |ids| ids.rows());
        if lists.iter().all(|ids| matches!(ids.values(), Values::Narrow(_))) {
            let mut keys = Buffer::<u64>::of_len(count)?;
            let mut kept = 0;
            let mut sorted = true;
            let mut before = 0;
            each_occurrence(lists, keep, |row, position| {
                sorted &= before <= row;
                before = row;
                keys[kept] = (row as u64) << 32 | u64::from(position);
                kept += 1;
            });
            keys.truncate(kept);
            if !sorted {
                keys = sort(keys, rows)?;
            }
            Self::collect(keys.iter().map(|&key| ((key >> 32) as usize, key as u32)))
        } else {
            let mut keys = Vec::new();
            keys.try_reserve_exact(count).map_err(|_| Error::Memory { bytes: count * size_of::<(usize, u32)>() })?;
            each_occurrence(lists, keep, |row, position| keys.push((row, position)));
            keys.sort_unstable();
            Self::collect(keys.into_iter())
        }
    }

    fn collect(sorted: impl ExactSizeIterator<Item = (usize, u32)>) -> Result<Self, Error> {
        let count = sorted.len();
        let mut rows = Buffer::of_len(count)?;
        let mut starts = Buffer::of_len(count + 1)?;
        let mut positions = Buffer::of_len(count)?;
        let mut touched = 0;
        for (occurrence, (row, position)) in sorted.enumerate() {
            positions[occurrence] = position;
            if touched == 0 || rows[touched - 1] != row {
                rows[touched] = row;
                starts[touched] = occurrence as u32;
                touched += 1;
            }
        }
        starts[touched] = count as u32;
        rows.truncate(touched);
        starts.truncate(touched + 1);
        Ok(Self { rows, starts, positions })
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
        self.positions.len()
    }

    /// Where the `n`-th occurrence stands, counting row by row; ascending within a row.
    #[inline(always)]
    pub(crate) fn position(&self, n: usize) -> u32 {
        self.positions[n]
    }

    /// Where the id of touched row `k` occurs, ascending.
    pub(crate) fn positions(&self, k: usize) -> &[u32] {
        &self.positions[self.start(k)..self.start(k + 1)]
    }
}

fn each_occurrence(lists: &[&Ids], keep: impl Fn(usize) -> bool, mut visit: impl FnMut(usize, u32)) {
    let mut base = 0;
    for list in lists {
        with_ids!(list, |ids| {
            for (position, id) in ids.iter().enumerate() {
                if keep(id.row()) {
                    visit(id.row(), base + position as u32);
                }
            }
            base += ids.len() as u32;
        });
    }
}

/// Sorts keys of `row << 32 | position` whose positions ascend: least significant digit first, which is stable.
fn sort(mut keys: Buffer<u64>, rows: usize) -> Result<Buffer<u64>, Error> {
    if keys.len() < SMALL {
        keys.sort_unstable();
        return Ok(keys);
    }
    let row_bits = usize::BITS - rows.saturating_sub(1).leading_zeros();
    let passes = row_bits.div_ceil(DIGIT_BITS);
    let digit_bits = row_bits.div_ceil(passes.max(1));
    let mut other = Buffer::of_len(keys.len())?;
    for pass in 0..passes {
        let shift = 32 + pass * digit_bits;
        let digit = |key: u64| (key >> shift) as usize & ((1 << digit_bits) - 1);
        let mut next = [0u32; 1 << DIGIT_BITS];
        for &key in keys.iter() {
            next[digit(key)] += 1;
        }
        let mut sum = 0;
        for count in &mut next {
            sum += std::mem::replace(count, sum);
        }
        for &key in keys.iter() {
            let place = &mut next[digit(key)];
            other[*place as usize] = key;
            *place += 1;
        }
        std::mem::swap(&mut keys, &mut other);
    }
    Ok(keys)
}
