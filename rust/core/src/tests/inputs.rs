//! Made-up tables, ids and gradients, the same every time.

use crate::element::Element;

/// A small generator (Steele, Lea, Flood 2014, `SplitMix64`): the tests need no more than that its bits look random.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.bits() % end as u64) as usize
    }

    /// Numbers from -1 to 1.
    pub(super) fn values<T: Element>(&mut self, count: usize) -> Vec<T> {
        (0..count).map(|_| T::from_f64((self.bits() >> 11) as f64 / (1u64 << 52) as f64 - 1.0)).collect()
    }

    /// Ids of which a quarter are among the first three rows, with the first and the last row among them.
    pub(super) fn ids(&mut self, count: usize, rows: usize) -> Vec<i64> {
        let mut ids: Vec<_> = (0..count)
            .map(|_| if self.below(4) == 0 { self.below(rows.min(3)) } else { self.below(rows) } as i64)
            .collect();
        if count > 2 {
            ids[1] = 0;
            ids[count - 1] = rows as i64 - 1;
        }
        ids
    }

    /// Offsets of `bags` bags over `count` ids, some of them empty.
    pub(super) fn offsets(&mut self, bags: usize, count: usize) -> Vec<i64> {
        let mut offsets: Vec<_> = (1..bags).map(|_| self.below(count + 1) as i64).chain([0, count as i64]).collect();
        offsets.sort_unstable();
        offsets
    }
}
