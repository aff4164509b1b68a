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
use crate::simd::vector::displaces;
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

/// Windows are numbered by 32 bits.
fn expect_short(texts: &Bags, filters: &Filters) -> Result<(), Error> {
    let longest = texts.starts().windows(2).map(|range| range[1] - range[0]).max().unwrap_or(0);
    let most = i32::MAX as usize - filters.widths.iter().max().copied().unwrap_or(0);
    if longest <= most {
        return Ok(());
    }
    Err(Error::Number { what: "the words of a text", got: longest as f64, wanted: "fewer than 2**31 less a width" })
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
        let mut response = vec![T::ZERO; count];
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
            for Block { width, first_row, first_response } in self.filters.blocks() {
                let best = &mut out[first_response..first_response + count];
                let at = &mut windows[first_response..first_response + count];
                best.fill(T::NEG_INFINITY);
                let first_start = 1 - width as i32;
                at.fill(first_start);
                for start in first_start..words.len() as i32 {
                    let (taps, first_word) = under(start, width, words.len());
                    for (tap, word) in taps.clone().zip(&words[first_word..]) {
                        let column = first_row + tap * count;
                        let part = &self.projected.row(word.row())[column..column + count];
                        if tap == taps.start {
                            response.copy_from_slice(part);
                        } else {
                            add(&mut response, part);
                        }
                    }
                    keep_larger(best, at, &response, start);
                }
            }
        }
    }
}

#[inline(always)]
fn add<T: Element>(sum: &mut [T], row: &[T]) {
    for (sum, &value) in sum.iter_mut().zip(row) {
        *sum += value;
    }
}

/// The first of equals stays, and NaN.
#[inline(always)]
fn keep_larger<T: Element>(best: &mut [T], at: &mut [i32], response: &[T], start: i32) {
    for ((best, at), &value) in best.iter_mut().zip(at).zip(response) {
        let larger = displaces(value, *best);
        *best = if larger { value } else { *best };
        *at = if larger { start } else { *at };
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
        pool(&touches, weight.rows(), vectors, |touch| (touch.row, touch.word), weight_grad)?;
        vectors_grad.map_or(Ok(()), |out| pool(&touches, vectors.rows(), weight, |touch| (touch.word, touch.row), out))
    }

    /// Every tap of every window that has a gradient, text by text.
    fn touches<I: Id>(&self, ids: &[I]) -> Result<Vec<Touch<T>>, Error> {
        let mut touches = Vec::new();
        let count = self.filters.count;
        for (text, range) in self.texts.starts().windows(2).enumerate() {
            let words = &ids[range[0]..range[1]];
            let windows = &self.windows[text * self.filters.responses()..][..self.filters.responses()];
            for Block { width, first_row, first_response } in self.filters.blocks() {
                for filter in 0..count {
                    let (grad, start) =
                        (self.grad.row(text)[first_response + filter], windows[first_response + filter]);
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

/// `out[bag]` = the sum of the rows of `table` that touch it, each times its gradient, in order.
fn pool<T: Element>(
    touches: &[Touch<T>],
    bags: usize,
    table: Rows<'_, T>,
    bag_and_row: impl Fn(&Touch<T>) -> (u32, u32),
    out: RowsMut<'_, T>,
) -> Result<(), Error> {
    let mut offsets = Buffer::<u64>::of_len(bags + 1)?;
    offsets.fill(0);
    for touch in touches {
        offsets[bag_and_row(touch).0 as usize + 1] += 1;
    }
    for bag in 0..bags {
        offsets[bag + 1] += offsets[bag];
    }
    let mut next = Buffer::<u64>::of_len(bags + 1)?;
    next.copy_from_slice(&offsets);
    let mut rows = Buffer::<u32>::of_len(touches.len())?;
    let mut weights = Buffer::<T>::of_len(touches.len())?;
    for touch in touches {
        let (bag, row) = bag_and_row(touch);
        let place = &mut next[bag as usize];
        (rows[*place as usize], weights[*place as usize]) = (row, touch.grad);
        *place += 1;
    }
    let bags = Bags::check(Ids::check(&rows, table.rows())?, &offsets, true)?;
    embedding_bag(&bags, table, &Pooling { mode: Mode::Sum, sample_weights: Some(&weights), padding: None }, out)
}
