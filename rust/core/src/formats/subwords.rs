//! Character n-grams of words, and the rows they hash to: fastText's.

use std::convert::Infallible;

use super::error::FormatError;
use super::number::Number;
use crate::parallel::{Cuts, for_each_part};
use crate::rows::{Rows, RowsMut};
use crate::simd::blocks::{Parts, Sum, fold_rows};
use crate::simd::{Kernel, Level, Vector, ahead, loops, prefetch};

/// The word that ends a line. It is no text, so it has no n-grams.
const END_OF_LINE: &[u8] = b"</s>";

/// Longest n-gram that is read, in characters. fastText's own default is 6; the work for a word is its length times this.
pub const MAX_NGRAM: usize = 256;

/// Words whose means one thread makes at a time.
const PART_ROWS: usize = 64;

/// Memory traffic between two chances to stop while means are made, about. It bounds the scratch for n-grams, too.
const SLAB_BYTES: usize = if cfg!(test) { 1 << 10 } else { 256 << 20 };

/// Memory traffic of a short row: that of a cache line.
const MIN_ROW_BYTES: usize = 64;

/// Which n-grams a word has, and into how many rows they are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ngrams {
    shortest: usize,
    longest: usize,
    buckets: u32,
}

impl Ngrams {
    /// N-grams of `shortest` to `longest` characters, hashed into so many rows.
    ///
    /// # Errors
    /// [`FormatError::Ngrams`] unless `shortest <= longest`, `1 <= longest <= MAX_NGRAM` and `1 <= buckets < 2^31`.
    pub fn new(shortest: i64, longest: i64, buckets: i64) -> Result<Self, FormatError> {
        let fits = 0 <= shortest && shortest <= longest && (1..=MAX_NGRAM as i64).contains(&longest);
        if !fits || !(1..=i64::from(i32::MAX)).contains(&buckets) {
            return Err(FormatError::Ngrams { shortest, longest, buckets, max: MAX_NGRAM });
        }
        Ok(Self { shortest: shortest as usize, longest: longest as usize, buckets: buckets as u32 })
    }

    /// Characters of the shortest n-grams.
    pub fn shortest(&self) -> usize {
        self.shortest
    }

    /// Characters of the longest n-grams.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// Rows that n-grams are hashed into.
    pub fn buckets(&self) -> usize {
        self.buckets as usize
    }

    /// The row of each n-gram of `word`, in fastText's order, which is by start and then by length; a row comes as
    /// often as n-grams hash to it.
    ///
    /// N-grams are taken of `<word>`, and `<` and `>` alone are none. A character is a byte and the UTF-8 continuation
    /// bytes behind it, in bytes that are no UTF-8 too.
    ///
    /// ```
    /// use finevec_core::formats::Ngrams;
    /// let ngrams = Ngrams::new(3, 4, 100)?;
    /// assert_eq!(ngrams.rows("ça".as_bytes()).len(), 3); // <ça  <ça>  ça>
    /// assert!(ngrams.rows(b"</s>").is_empty());
    /// # Ok::<(), finevec_core::formats::FormatError>(())
    /// ```
    pub fn rows(&self, word: &[u8]) -> Vec<u32> {
        let mut rows = Vec::new();
        self.push_rows(word, &mut rows);
        rows
    }

    /// As [`Ngrams::rows`], behind what is there.
    fn push_rows(&self, word: &[u8], rows: &mut Vec<u32>) {
        let Ok(()) = self.for_each_row(word, |row| {
            rows.push(row);
            Ok::<_, Infallible>(())
        });
    }

    /// As [`Ngrams::rows`], one row after the other, until one is not taken.
    ///
    /// # Errors
    /// That of `take`.
    pub fn for_each_row<E>(&self, word: &[u8], mut take: impl FnMut(u32) -> Result<(), E>) -> Result<(), E> {
        if word == END_OF_LINE {
            return Ok(());
        }
        let last = word.len() + 1;
        let byte = |at: usize| match at {
            0 => b'<',
            _ if at == last => b'>',
            _ => word[at - 1],
        };
        for start in (0..=last).filter(|&at| !is_continuation(byte(at))) {
            let mut hash = FNV_OFFSET;
            let mut end = start;
            for length in 1..=self.longest {
                if end > last {
                    break;
                }
                // The hash of an n-gram is that of the one a character shorter, carried on.
                hash = hash_step(hash, byte(end));
                end += 1;
                while end <= last && is_continuation(byte(end)) {
                    hash = hash_step(hash, byte(end));
                    end += 1;
                }
                let edge_alone = length == 1 && (start == 0 || end > last);
                if length >= self.shortest && !edge_alone {
                    take(hash % self.buckets)?;
                }
            }
        }
        Ok(())
    }
}

/// Character n-grams and their rows.
#[derive(Clone, Debug)]
pub struct Subwords<T> {
    /// Which n-grams a word has.
    pub ngrams: Ngrams,
    /// A row of values for each bucket, end to end.
    pub rows: Vec<T>,
}

impl<T: Number> Subwords<T> {
    /// Turns the row of each word into the mean of it and of the rows of the word's n-grams. `between` is asked now and
    /// then whether to go on. A word with n-grams for many slabs is summed piece by piece.
    pub(crate) fn mean_rows<'w>(
        &self,
        values: &mut [T],
        dim: usize,
        word: &(impl Fn(usize) -> &'w [u8] + Sync),
        mut between: impl FnMut() -> Result<(), FormatError>,
    ) -> Result<(), FormatError> {
        let count = values.len() / dim;
        let row_bytes = (dim * size_of::<T>()).max(MIN_ROW_BYTES);
        let traffic = |row| (word(row).len() + 2) * self.ngrams.longest * row_bytes;
        let mut first = 0;
        while first < count {
            between()?;
            if traffic(first) > SLAB_BYTES {
                let piece = (SLAB_BYTES / row_bytes).max(1);
                self.mean_row(&mut values[first * dim..][..dim], word(first), piece, &mut between)?;
                first += 1;
                continue;
            }
            let (mut last, mut bytes) = (first, 0);
            while last < count && bytes + traffic(last) <= SLAB_BYTES {
                bytes += traffic(last);
                last += 1;
            }
            let slab = RowsMut::new(&mut values[first * dim..last * dim], last - first, dim);
            for_each_part(&mut [slab], Cuts::Every(PART_ROWS), bytes, |_, start, [rows]| {
                let (mut ids, mut starts) = (Vec::new(), vec![0]);
                for row in 0..rows.rows() {
                    self.ngrams.push_rows(word(first + start + row), &mut ids);
                    starts.push(ids.len());
                }
                let buckets = self.buckets(dim);
                Level::current().run(Means { ids: &ids, starts: &starts, buckets, rows });
            });
            first = last;
        }
        Ok(())
    }

    /// As [`Subwords::mean_rows`], of one word, `piece` n-grams at a time.
    fn mean_row(
        &self,
        row: &mut [T],
        word: &[u8],
        piece: usize,
        between: &mut impl FnMut() -> Result<(), FormatError>,
    ) -> Result<(), FormatError> {
        let buckets = self.buckets(row.len());
        let (mut ids, mut own, mut count) = (Vec::new(), row.to_vec(), 0);
        let mut sum = |ids: &mut Vec<u32>| {
            count += ids.len();
            Level::current().run(PartialSum { ids, buckets, row, own: &mut own });
            ids.clear();
        };
        self.ngrams.for_each_row(word, |id| {
            if ids.len() == piece {
                sum(&mut ids);
                between()?;
            }
            ids.push(id);
            Ok(())
        })?;
        sum(&mut ids);
        loops::scale(row, inverse(1 + count));
        Ok(())
    }

    fn buckets(&self, dim: usize) -> Rows<'_, T> {
        Rows::new(&self.rows, self.ngrams.buckets(), dim)
    }
}

/// What fastText multiplies a sum of so many rows by.
fn inverse<T: Number>(count: usize) -> T {
    T::from_f64(1.0 / count as f64)
}

/// Adds the rows of some n-grams to a row, one after the other.
struct PartialSum<'a, T> {
    ids: &'a [u32],
    buckets: Rows<'a, T>,
    row: &'a mut [T],
    /// As long as the row.
    own: &'a mut [T],
}

impl<T: Number> Kernel for PartialSum<'_, T> {
    type Element = T;
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<T>>(self) {
        self.own.copy_from_slice(self.row);
        let Self { ids, buckets, row, own } = self;
        // The rows are asked for in the order in which they are added.
        let later = ids.get(ahead(buckets.dim() * size_of::<T>())..).unwrap_or_default();
        fold_rows::<T, V, Sum>(row, &WordRows { own, ids, later, buckets });
    }
}

/// Sums, the own row first, times the inverse of the count: with float32, fastText's bits.
struct Means<'a, T> {
    ids: &'a [u32],
    /// Where the ids of each word start, and where the last ones end.
    starts: &'a [usize],
    buckets: Rows<'a, T>,
    /// The words' own rows, which become the means.
    rows: RowsMut<'a, T>,
}

impl<T: Number> Kernel for Means<'_, T> {
    type Element = T;
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<T>>(mut self) {
        let ahead = ahead(self.buckets.dim() * size_of::<T>());
        for &id in self.ids.iter().take(ahead) {
            prefetch(self.buckets.row(id as usize));
        }
        let mut own = vec![T::ZERO; self.buckets.dim()];
        for (row, range) in self.starts.windows(2).enumerate() {
            let row = self.rows.row_mut(row);
            own.copy_from_slice(row);
            let ids = &self.ids[range[0]..range[1]];
            let later = self.ids.get(range[0] + ahead..).unwrap_or_default();
            fold_rows::<T, V, Sum>(row, &WordRows { own: &own, ids, later, buckets: self.buckets });
            loops::scale(row, inverse(1 + ids.len()));
        }
    }
}

/// The own row of a word and those of its n-grams.
struct WordRows<'a, T> {
    own: &'a [T],
    ids: &'a [u32],
    /// The ids that stand some way ahead of `ids`: their rows are asked for.
    later: &'a [u32],
    buckets: Rows<'a, T>,
}

impl<T: Number> Parts<T> for WordRows<'_, T> {
    #[inline(always)]
    fn len(&self) -> usize {
        1 + self.ids.len()
    }

    #[inline(always)]
    fn ask(&self, n: usize) {
        if n < self.ids.len()
            && let Some(&id) = self.later.get(n)
        {
            prefetch(self.buckets.row(id as usize));
        }
    }

    #[inline(always)]
    fn part(&self, n: usize) -> Option<(&[T], T)> {
        let row = n.checked_sub(1).map_or(self.own, |n| self.buckets.row(self.ids[n] as usize));
        Some((row, T::ONE))
    }
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

const FNV_OFFSET: u32 = 2_166_136_261;

/// One byte of FNV-1a. fastText's bytes are signed, so those from 0x80 on set the upper bits of the hash.
fn hash_step(hash: u32, byte: u8) -> u32 {
    (hash ^ byte.cast_signed() as u32).wrapping_mul(16_777_619)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{FNV_OFFSET, MAX_NGRAM, Ngrams, SLAB_BYTES, Subwords, hash_step};

    fn hash(text: &[u8]) -> u32 {
        text.iter().fold(FNV_OFFSET, |hash, &byte| hash_step(hash, byte))
    }

    #[test]
    fn hashes_are_fnv_with_signed_bytes() {
        // ASCII: the published values of FNV-1a.
        assert_eq!(hash(b""), 0x811c_9dc5);
        assert_eq!(hash(b"a"), 0xe40c_292c);
        assert_eq!(hash(b"foobar"), 0xbf9c_f968);
        // The byte 0xe9 counts as 0xffffffe9.
        assert_eq!(hash(b"\xe9"), (0x811c_9dc5_u32 ^ 0xffff_ffe9).wrapping_mul(16_777_619));
    }

    #[test]
    fn limits_are_checked() {
        let most = i64::from(i32::MAX);
        for (shortest, longest, buckets, fits) in [
            (3, 6, 2_000_000, true),
            (0, 1, 1, true),
            (1, MAX_NGRAM as i64, most, true),
            (0, 0, 5, false),
            (-1, 3, 5, false),
            (4, 3, 5, false),
            (1, MAX_NGRAM as i64 + 1, 5, false),
            (3, 6, 0, false),
            (3, 6, -5, false),
            (3, 6, most + 1, false),
        ] {
            assert_eq!(Ngrams::new(shortest, longest, buckets).is_ok(), fits, "{shortest} {longest} {buckets}");
        }
    }

    /// Each piece is followed by a chance to stop, so no scratch is longer than a piece, and bits are those of one sum.
    #[test]
    fn a_long_word_is_summed_in_pieces() {
        let dim = 19;
        let ngrams = Ngrams::new(1, 9, 7).unwrap();
        let rows: Vec<f32> = (0..7 * dim).map(|i| (i as f32 * 0.7).sin()).collect();
        let long = "naïve ".repeat(500);
        let words = ["the", &long, "", "of", &long[..1000]];
        let own: Vec<f32> = (0..words.len() * dim).map(|i| (i as f32 * 0.3).cos()).collect();
        let mut wanted = own.clone();
        for (row, word) in wanted.chunks_mut(dim).zip(words) {
            let ids = ngrams.rows(word.as_bytes());
            for &id in &ids {
                let bucket = &rows[id as usize * dim..][..dim];
                row.iter_mut().zip(bucket).for_each(|(sum, value)| *sum += value);
            }
            let factor = (1.0 / (1 + ids.len()) as f64) as f32;
            for sum in row {
                *sum *= factor;
            }
        }
        let subwords = Subwords { ngrams, rows };
        let word = |row: usize| words[row].as_bytes();
        let (mut found, mut calls) = (own.clone(), 0);
        let count = |calls: &mut usize| {
            *calls += 1;
            Ok(())
        };
        subwords.mean_rows(&mut found, dim, &word, || count(&mut calls)).unwrap();
        assert_eq!(found, wanted);
        let traffic: usize = words.iter().map(|word| ngrams.rows(word.as_bytes()).len() * dim * size_of::<f32>()).sum();
        assert!(calls >= traffic / SLAB_BYTES, "{calls}");
        for stop in 1..=3 {
            let mut left = stop;
            let mut between = || {
                left -= 1;
                if left == 0 { Err(super::FormatError::Interrupted) } else { Ok(()) }
            };
            assert!(subwords.mean_rows(&mut own.clone(), dim, &word, &mut between).is_err());
        }
    }

    proptest! {
        #[test]
        fn rows_are_those_of_substrings(word in any::<String>(), shortest in 0..5_usize, more in 0..4_usize) {
            let longest = (shortest + more).max(1);
            let buckets = i32::MAX;
            let framed: Vec<char> = format!("<{word}>").chars().collect();
            let mut wanted = Vec::new();
            for start in 0..framed.len() {
                for length in shortest.max(1)..=longest.min(framed.len() - start) {
                    let edge = start == 0 || start + length == framed.len();
                    if length > 1 || !edge {
                        let text: String = framed[start..start + length].iter().collect();
                        wanted.push(hash(text.as_bytes()) % buckets as u32);
                    }
                }
            }
            let ngrams = Ngrams::new(shortest as i64, longest as i64, i64::from(buckets)).unwrap();
            if word != "</s>" {
                prop_assert_eq!(ngrams.rows(word.as_bytes()), wanted);
            }
        }

        #[test]
        fn any_bytes_have_rows(word in prop::collection::vec(any::<u8>(), 0..40), longest in 1..9_i64) {
            let ngrams = Ngrams::new(1, longest, 7).unwrap();
            prop_assert!(ngrams.rows(&word).iter().all(|&row| row < 7));
        }
    }
}
