//! Filters over windows of words against plain loops in double precision.

use super::inputs::Random;
use super::{Rounding, at_every_setting};
use crate::element::Element;
use crate::error::Error;
use crate::ids::{Bags, Ids};
use crate::ngram::{Filters, NO_WINDOW, NgramGrad, ngram_max};
use crate::rows::{Rows, RowsMut};

const WORDS: usize = 40;

struct Case<T> {
    widths: Vec<usize>,
    count: usize,
    dim: usize,
    ids: Vec<i64>,
    offsets: Vec<i64>,
    projected: Vec<T>,
    vectors: Vec<T>,
    weight: Vec<T>,
    grad: Vec<T>,
}

impl<T: Element> Case<T> {
    fn new(random: &mut Random, widths: &[usize], count: usize, dim: usize, words: usize, texts: usize) -> Self {
        let rows = widths.iter().sum::<usize>() * count;
        Self {
            widths: widths.to_vec(),
            count,
            dim,
            ids: random.ids(words, WORDS),
            offsets: random.offsets(texts, words),
            projected: random.values(WORDS * rows),
            vectors: random.values(WORDS * dim),
            weight: random.values(rows * dim),
            grad: random.values(texts * widths.len() * count),
        }
    }

    fn filters(&self) -> Filters {
        Filters::new(self.widths.clone(), self.count).unwrap()
    }

    fn texts(&self) -> Bags {
        Bags::check(Ids::check(&self.ids, WORDS).unwrap(), &self.offsets, true).unwrap()
    }

    fn found(&self) -> (Vec<T>, Vec<i32>) {
        let (texts, filters) = (self.texts(), self.filters());
        let mut out = vec![T::ONE; texts.len() * filters.responses()];
        let mut windows = vec![7; out.len()];
        let to = RowsMut::new(&mut out, texts.len(), filters.responses());
        ngram_max(&texts, Rows::new(&self.projected, WORDS, filters.rows()), &filters, to, &mut windows).unwrap();
        (out, windows)
    }

    /// Text, filter as (width, first row of weights, response), and the words of the text.
    fn each(&self, mut visit: impl FnMut(usize, (usize, usize, usize), &[i64])) {
        for (text, range) in self.offsets.windows(2).enumerate() {
            let words = &self.ids[range[0] as usize..range[1] as usize];
            let mut first_row = 0;
            for (index, &width) in self.widths.iter().enumerate() {
                for filter in 0..self.count {
                    let response = (text * self.widths.len() + index) * self.count + filter;
                    visit(text, (width, first_row + filter, response), words);
                }
                first_row += width * self.count;
            }
        }
    }

    fn rows(&self) -> usize {
        self.widths.iter().sum::<usize>() * self.count
    }
}

fn forward<T: Element + Rounding + std::fmt::Debug>(case: &Case<T>) {
    let (out, windows) = at_every_setting(|| case.found());
    case.each(|_, (width, first_row, response), words| {
        let at = |start: i64| -> (f64, f64) {
            let under = (0..width).filter_map(|tap| {
                let position = usize::try_from(start + tap as i64).ok()?;
                let row = first_row + tap * case.count;
                Some(case.projected[*words.get(position)? as usize * case.rows() + row].to_f64())
            });
            under.fold((0.0, 0.0), |(sum, size), value| (sum + value, size + value.abs()))
        };
        let starts = 1 - width as i64..words.len() as i64;
        let found = out[response].to_f64();
        if words.is_empty() {
            assert_eq!((found, windows[response]), (0.0, NO_WINDOW));
            return;
        }
        // Sums of `width` terms, each within (width - 1) units of the sum of sizes.
        let (best, largest) = starts.map(at).fold((f64::NEG_INFINITY, 0.0_f64), |a, b| (a.0.max(b.0), a.1.max(b.1)));
        let bound = width as f64 * T::UNIT * largest;
        assert!((found - best).abs() <= bound, "{found} for {best}, bound {bound}");
        assert!((at(i64::from(windows[response])).0 - found).abs() <= bound);
    });
}

fn backward<T: Element + Rounding + std::fmt::Debug>(case: &Case<T>) {
    let (texts, filters) = (case.texts(), case.filters());
    let (_, windows) = case.found();
    let grad = Rows::new(&case.grad, texts.len(), filters.responses());
    let found = at_every_setting(|| {
        let (mut of_weight, mut of_vectors) = (vec![T::ONE; case.weight.len()], vec![T::ONE; case.vectors.len()]);
        NgramGrad { texts: &texts, filters: &filters, grad, windows: &windows }
            .backward(
                Rows::new(&case.vectors, WORDS, case.dim),
                Rows::new(&case.weight, case.rows(), case.dim),
                RowsMut::new(&mut of_weight, case.rows(), case.dim),
                Some(RowsMut::new(&mut of_vectors, WORDS, case.dim)),
            )
            .unwrap();
        (of_weight, of_vectors)
    });
    let zeros = |len| vec![(0.0, 0.0, 0); len];
    let (mut of_weight, mut of_vectors) = (zeros(case.weight.len()), zeros(case.vectors.len()));
    case.each(|_, (width, first_row, response), words| {
        for tap in 0..width {
            let position = usize::try_from(i64::from(windows[response]) + tap as i64);
            let Some(&word) = position.ok().and_then(|position| words.get(position)) else { continue };
            for d in 0..case.dim {
                let (a, b) = ((first_row + tap * case.count) * case.dim + d, word as usize * case.dim + d);
                let add = |(sum, size, terms): &mut (f64, f64, usize), value: T| {
                    let term = case.grad[response].to_f64() * value.to_f64();
                    (*sum, *size, *terms) = (*sum + term, *size + term.abs(), *terms + 1);
                };
                add(&mut of_weight[a], case.vectors[b]);
                add(&mut of_vectors[b], case.weight[a]);
            }
        }
    });
    for (found, wanted) in [(found.0, of_weight), (found.1, of_vectors)] {
        for (value, (sum, size, terms)) in found.into_iter().zip(wanted) {
            // Products and their sum in order.
            assert!((value.to_f64() - sum).abs() <= (terms + 2) as f64 * T::UNIT * size);
        }
    }
}

fn battery<T: Element + Rounding + std::fmt::Debug>() {
    let mut random = Random::new(5);
    for (widths, count, dim) in
        [(&[3, 4, 5][..], 100, 30), (&[1][..], 1, 1), (&[2, 7][..], 17, 5), (&[5, 1, 5][..], 8, 16)]
    {
        for (words, texts) in [(0, 2), (1, 1), (30, 9), (400, 40)] {
            let case = Case::<T>::new(&mut random, widths, count, dim, words, texts);
            forward(&case);
            backward(&case);
        }
    }
}

#[test]
fn f32_filters() {
    battery::<f32>();
}

#[test]
fn f64_filters() {
    battery::<f64>();
}

#[test]
fn the_first_of_equal_windows_wins_and_nan_is_seen() {
    let mut case = Case::<f32>::new(&mut Random::new(1), &[1], 1, 1, 3, 1);
    (case.ids, case.offsets) = (vec![4, 5, 6], vec![0, 3]);
    case.projected[4..7].copy_from_slice(&[2.0, 1.0, 2.0]);
    assert_eq!(case.found(), (vec![2.0], vec![0]));
    case.projected[5] = f32::NAN;
    let (out, windows) = case.found();
    assert!(out[0].is_nan());
    assert_eq!(windows, [1]);
    case.projected[4..7].fill(f32::NEG_INFINITY);
    assert_eq!(case.found(), (vec![f32::NEG_INFINITY], vec![0]));
}

#[test]
fn windows_of_no_text_are_refused_and_nothing_is_written() {
    let case = Case::<f32>::new(&mut Random::new(2), &[2], 1, 1, 3, 1);
    let (texts, filters) = (case.texts(), case.filters());
    for start in [-2, 3, NO_WINDOW, i32::MAX] {
        let mut out = vec![9.0; case.weight.len()];
        let outcome = NgramGrad { texts: &texts, filters: &filters, grad: Rows::new(&[1.0], 1, 1), windows: &[start] }
            .backward(
                Rows::new(&case.vectors, WORDS, 1),
                Rows::new(&case.weight, 2, 1),
                RowsMut::new(&mut out, 2, 1),
                None,
            );
        assert!(matches!(outcome, Err(Error::Number { what: "a window", .. })), "{start}");
        assert_eq!(out, [9.0, 9.0]);
    }
}

#[test]
fn impossible_filters_are_refused() {
    for (widths, count) in [(vec![], 1), (vec![0, 2], 1), (vec![3], 0), (vec![usize::MAX, 2], 1), (vec![3], 1 << 31)] {
        assert!(matches!(Filters::new(widths, count), Err(Error::Number { .. })));
    }
}
