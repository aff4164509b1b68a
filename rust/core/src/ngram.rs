//! The text CNN's convolution: filters over windows of words, and the largest response of each text.
//!
//! A filter of some width has a row of weights for each of its taps. A linear map commutes with a lookup, so the words
//! of a batch are projected onto all rows of weights once, by one dense product, and the response of a window is a sum
//! of looked-up projections: `response[s] = Σ_tap projected[word(s + tap)][tap]`. A window starts up to `width - 1`
//! words before a text and ends as many behind it, where words count as zeros; it sees at least one word.
//!
//! On the way back only the window with the largest response of each text and filter has a gradient. It reaches one row
//! of weights and one word for each tap. So both gradients are sums over bags, which `bag` pools.

use crate::bag::{Mode, Pooling, embedding_bag};
use crate::element::Element;
use crate::error::Error;
use crate::ids::{Bags, Id, Ids, with_ids};
use crate::lookup::check_shape;
use crate::parallel::{PART_BYTES, even_cuts, for_each_job};
use crate::rows::{Rows, RowsMut};
use crate::scratch::Buffer;
use crate::simd::windows::{RowSums, largest_sum};
use crate::simd::{Kernel, Level, Vector};

/// The window of a text without words.
pub const NO_WINDOW: i32 = i32::MIN;

/// Filters of several widths, as many of each.
///
/// Their weights are rows: those of the first width first; of a width, those of the first tap first; of a tap, one for
/// each filter. Responses are ordered by width, then filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filters {
    widths: Vec<usize>,
    count: usize,
}

impl Filters {
    /// `count` filters of each of some widths.
    ///
    /// # Errors
    /// [`Error::Number`] if there is none, a width is 0, or their rows are more than can be numbered.
    pub fn new(widths: Vec<usize>, count: usize) -> Result<Self, Error> {
        const MOST: usize = i32::MAX as usize;
        let taps = widths.iter().try_fold(0_usize, |taps, &width| taps.checked_add(width));
        let rows = taps.and_then(|taps| taps.checked_mul(count)).filter(|&rows| rows <= MOST);
        let fault = |what, got: usize, wanted| Err(Error::Number { what, got: got as f64, wanted });
        match (rows, widths.iter().min()) {
            (_, None) => fault("the number of widths", 0, "at least 1"),
            (_, Some(0)) => fault("a width", 0, "at least 1"),
            (Some(0), _) => fault("the number of filters of a width", 0, "at least 1"),
            (None, _) => fault("the number of filters of a width", count, "less than 2**31 rows of weights"),
            (Some(_), _) => Ok(Self { widths, count }),
        }
    }

    /// Rows of weights: one for each tap of each filter.
    pub fn rows(&self) -> usize {
        self.widths.iter().sum::<usize>() * self.count
    }

    /// Responses of a text: one for each filter.
    pub fn responses(&self) -> usize {
        self.widths.len() * self.count
    }

    /// Each width with the first of its rows and the first of its responses.
    fn blocks(&self) -> impl Iterator<Item = Block> {
        let mut first_row = 0;
        self.widths.iter().enumerate().map(move |(index, &width)| {
            let block = Block { width, first_row, first_response: index * self.count };
            first_row += width * self.count;
            block
        })
    }
}

/// The filters of one width.
#[derive(Clone, Copy)]
struct Block {
    width: usize,
    first_row: usize,
    first_response: usize,
}

impl Block {
    /// Where the first window starts: it sees the first word with its last tap.
    fn first_start(self) -> i32 {
        1 - self.width as i32
    }
}

/// The words of a text under the taps of a window that starts at `start`, as positions in the text.
fn under(start: i32, width: usize, length: usize) -> (std::ops::Range<usize>, usize) {
    let first = usize::try_from(-i64::from(start)).unwrap_or(0);
    let first_word = usize::try_from(start).unwrap_or(0);
    (first..width.min(first + length - first_word), first_word)
}

/// `out[t][f]` = the largest response of filter `f` in text `t`, before any bias, and `windows[t][f]` where that window
/// starts: the first one of equals, below 0 before the text. A text without words has responses of 0 and [`NO_WINDOW`].
/// NaN is larger than any number.
///
/// `projected` has the products of each word (row) with every row of weights (column); the ids of `texts` are its rows.
///
/// # Errors
/// If the shapes do not fit together; nothing is written then.
pub fn ngram_max<T: Element>(
    texts: &Bags,
    projected: Rows<'_, T>,
    filters: &Filters,
    mut out: RowsMut<'_, T>,
    windows: &mut [i32],
) -> Result<(), Error> {
    texts.ids().expect_rows(projected.rows())?;
    check_shape("the dim of projected", projected.dim(), filters.rows())?;
    check_shape("the number of rows of out", out.rows(), texts.len())?;
    check_shape("the dim of out", out.dim(), filters.responses())?;
    check_shape("the length of windows", windows.len(), texts.len() * filters.responses())?;
    expect_short(texts, filters)?;
    let level = Level::current();
    let starts = texts.starts();
    let word_bytes = filters.rows() * size_of::<T>();
    let cuts = even_cuts(texts.len(), PART_BYTES.div_ceil(word_bytes), |text| starts[text] + text);
    let ends = cuts.iter().skip(1).copied().chain([texts.len()]);
    let (mut out, mut windows) = (out.dense().ok_or(Error::NotDense { what: "out" })?, windows);
    let jobs = cuts.iter().zip(ends).filter(|&(&first, end)| first < end).map(|(&first, end)| {
        let count = (end - first) * filters.responses();
        (first..end, out.split_off_mut(..count).unwrap_or_default(), windows.split_off_mut(..count).unwrap_or_default())
    });
    with_ids!(texts.ids(), |ids| {
        for_each_job(jobs, ids.len() * word_bytes, |_, (part, out, windows)| {
            level.run(Respond { ids, starts: &starts[part.start..=part.end], projected, filters, out, windows });
        });
    });
    Ok(())
}

/// Windows are numbered by elements, which count exactly up to 2**24.
fn expect_short(texts: &Bags, filters: &Filters) -> Result<(), Error> {
    const MOST: usize = 1 << 24;
    let longest = texts.starts().windows(2).map(|range| range[1] - range[0]).max().unwrap_or(0);
    let widest = filters.widths.iter().max().copied().unwrap_or(0);
    if longest.saturating_add(widest) <= MOST {
        return Ok(());
    }
    Err(Error::Number { what: "the words of a text", got: longest as f64, wanted: "at most 2**24 less a width" })
}

struct Respond<'a, T, I> {
    ids: &'a [I],
    starts: &'a [usize],
    projected: Rows<'a, T>,
    filters: &'a Filters,
    out: &'a mut [T],
    windows: &'a mut [i32],
}

impl<T: Element, I: Id> Kernel for Respond<'_, T, I> {
    type Element = T;
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<T>>(self) {
        let count = self.filters.count;
        let mut number = vec![T::ZERO; count];
        let each = self.filters.responses();
        let texts =
            self.starts.windows(2).zip(self.out.chunks_exact_mut(each).zip(self.windows.chunks_exact_mut(each)));
        for (range, (out, windows)) in texts {
            let words = &self.ids[range[0]..range[1]];
            if words.is_empty() {
                out.fill(T::ZERO);
                windows.fill(NO_WINDOW);
                continue;
            }
            for block in self.filters.blocks() {
                let columns = block.first_response..block.first_response + count;
                let responses = Responses { words, projected: self.projected, block, count };
                largest_sum::<T, V>(&mut out[columns.clone()], &mut number, &responses);
                for (window, number) in windows[columns].iter_mut().zip(&number) {
                    *window = block.first_start() + number.to_f64() as i32;
                }
            }
        }
    }
}

/// The responses of the filters of one width, a row for each window of a text.
struct Responses<'a, T, I> {
    words: &'a [I],
    projected: Rows<'a, T>,
    block: Block,
    count: usize,
}

impl<T: Element, I: Id> RowSums<T> for Responses<'_, T, I> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.words.len() + self.block.width - 1
    }

    #[inline(always)]
    fn rows(&self, n: usize) -> impl Iterator<Item = &[T]> {
        let Block { width, first_row, .. } = self.block;
        let (taps, first_word) = under(self.block.first_start() + n as i32, width, self.words.len());
        taps.zip(&self.words[first_word..]).map(move |(tap, word)| {
            let column = first_row + tap * self.count;
            &self.projected.row(word.row())[column..column + self.count]
        })
    }
}

/// What the gradient of the largest responses is for the weights and the words.
#[derive(Clone, Copy, Debug)]
pub struct NgramGrad<'a, T> {
    /// The texts, as for [`ngram_max`].
    pub texts: &'a Bags,
    /// The filters.
    pub filters: &'a Filters,
    /// The gradient of the responses, a row for each text. Zeros cost next to nothing.
    pub grad: Rows<'a, T>,
    /// Where [`ngram_max`] found the largest responses.
    pub windows: &'a [i32],
}

/// A part of a gradient: `grad` times a word's vector for a row of weights, and times that row for the word.
#[derive(Clone, Copy)]
struct Touch<T> {
    row: u32,
    word: u32,
    grad: T,
}

impl<T: Element> NgramGrad<'_, T> {
    /// `weight_grad` = the gradient of the weights, rows as `filters` orders them, given the vectors of the words; and
    /// `vectors_grad`, if wanted, that of the vectors, given the weights.
    ///
    /// # Errors
    /// If the shapes do not fit together, or a window is none of its text; nothing is written then.
    pub fn backward(
        &self,
        vectors: Rows<'_, T>,
        weight: Rows<'_, T>,
        weight_grad: RowsMut<'_, T>,
        vectors_grad: Option<RowsMut<'_, T>>,
    ) -> Result<(), Error> {
        self.texts.ids().expect_rows(vectors.rows())?;
        check_shape("the number of rows of weight", weight.rows(), self.filters.rows())?;
        check_shape("the dim of weight", weight.dim(), vectors.dim())?;
        check_shape("the number of rows of grad", self.grad.rows(), self.texts.len())?;
        check_shape("the dim of grad", self.grad.dim(), self.filters.responses())?;
        check_shape("the length of windows", self.windows.len(), self.texts.len() * self.filters.responses())?;
        expect_short(self.texts, self.filters)?;
        if u32::try_from(vectors.rows()).is_err() {
            let (what, got) = ("the number of rows of vectors", vectors.rows() as f64);
            return Err(Error::Number { what, got, wanted: "less than 2**32" });
        }
        let touches = with_ids!(self.texts.ids(), |ids| self.touches(ids))?;
        // Both are ordered before any is written.
        let (weights, words) = (weight.rows(), vectors.rows());
        let mut ordered = [Ok(None), Ok(None)];
        let jobs = ordered.iter_mut().take(1 + usize::from(vectors_grad.is_some()));
        for_each_job(jobs, touches.len() * vectors.dim() * size_of::<T>(), |job, ordered| {
            *ordered = match job {
                0 => Sums::order(&touches, weights, words, |touch| (touch.row, touch.word)),
                _ => Sums::order(&touches, words, weights, |touch| (touch.word, touch.row)),
            }
            .map(Some);
        });
        let [of_weights, of_words] = ordered;
        let (of_weights, of_words) = (of_weights?, of_words?);
        of_weights.map_or(Ok(()), |sums| sums.write(vectors, weight_grad))?;
        of_words.zip(vectors_grad).map_or(Ok(()), |(sums, vectors_grad)| sums.write(weight, vectors_grad))
    }

    /// Every tap of every window that has a gradient, text by text.
    fn touches<I: Id>(&self, ids: &[I]) -> Result<Vec<Touch<T>>, Error> {
        let count = self.filters.count;
        let mut touches = Vec::new();
        for (text, range) in self.texts.starts().windows(2).enumerate() {
            let words = &ids[range[0]..range[1]];
            let windows = &self.windows[text * self.filters.responses()..][..self.filters.responses()];
            let most = self.filters.rows();
            touches.try_reserve(most).map_err(|_| Error::Memory { bytes: most * size_of::<Touch<T>>() })?;
            for Block { width, first_row, first_response } in self.filters.blocks() {
                let columns = first_response..first_response + count;
                let filters = windows[columns.clone()].iter().zip(&self.grad.row(text)[columns]).enumerate();
                for (filter, (&start, &grad)) in filters {
                    if grad == T::ZERO || (words.is_empty() && start == NO_WINDOW) {
                        continue;
                    }
                    if i64::from(start) <= -(width as i64) || i64::from(start) >= words.len() as i64 {
                        let wanted = "the start of a window that sees a word of its text";
                        return Err(Error::Number { what: "a window", got: f64::from(start), wanted });
                    }
                    let (taps, first_word) = under(start, width, words.len());
                    touches.extend(taps.zip(&words[first_word..]).map(|(tap, word)| Touch {
                        row: (first_row + tap * count + filter) as u32,
                        word: word.row() as u32,
                        grad,
                    }));
                }
            }
        }
        Ok(touches)
    }
}

/// Sums of rows, each times a factor.
struct Sums<T> {
    bags: Bags,
    factors: Buffer<T>,
}

impl<T: Element> Sums<T> {
    /// Orders touches by the sum, one of `count`, to which they add a row, one of `rows`: `sum_and_row` tells both.
    fn order(
        touches: &[Touch<T>],
        count: usize,
        rows: usize,
        sum_and_row: impl Fn(&Touch<T>) -> (u32, u32),
    ) -> Result<Self, Error> {
        let mut offsets = Buffer::<u64>::of_len(count + 1)?;
        offsets.fill(0);
        for touch in touches {
            offsets[sum_and_row(touch).0 as usize + 1] += 1;
        }
        for sum in 0..count {
            offsets[sum + 1] += offsets[sum];
        }
        let mut next = Buffer::<u64>::of_len(count + 1)?;
        next.copy_from_slice(&offsets);
        let (mut added, mut factors) = (Buffer::<u32>::of_len(touches.len())?, Buffer::<T>::of_len(touches.len())?);
        for touch in touches {
            let (sum, row) = sum_and_row(touch);
            let place = &mut next[sum as usize];
            (added[*place as usize], factors[*place as usize]) = (row, touch.grad);
            *place += 1;
        }
        Ok(Self { bags: Bags::check(Ids::check(&added, rows)?, &offsets, true)?, factors })
    }

    /// `out[sum]` = the sum of its rows of `table`, in order.
    fn write(&self, table: Rows<'_, T>, out: RowsMut<'_, T>) -> Result<(), Error> {
        let pooling = Pooling { mode: Mode::Sum, sample_weights: Some(&self.factors), padding: None };
        embedding_bag(&self.bags, table, &pooling, out)
    }
}
