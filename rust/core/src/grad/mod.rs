//! The gradient of a table: where each occurrence of an id takes its part from.

mod sum;

pub(crate) use sum::{DenseGradient, Gradient, SparseGradient, scratch_len};

use crate::bag::{Mode, Pooling, argmax, counted};
use crate::element::Element;
use crate::error::Error;
use crate::group::{Groups, Marked};
use crate::ids::{Bags, Ids};
use crate::lookup::check_shape;
use crate::rows::Rows;
use crate::scratch::Buffer;
use crate::simd::loops;

/// One backward call on a table: checked ids, and how their gradients follow from a matrix that the caller keeps.
#[derive(Debug)]
pub struct RowGrad<T> {
    ids: Ids,
    dim: usize,
    grad_rows: usize,
    padding: Option<usize>,
    source: Source,
    scale: Scale<T>,
}

/// What parts are multiplied by.
#[derive(Debug)]
enum Scale<T> {
    /// Nothing.
    One,
    /// A factor for each row of the gradient: 1 / length of the bag.
    PerRow(Buffer<T>),
    /// A factor for each occurrence: sample weight, 1 / frequency of the id.
    PerOccurrence(Buffer<T>),
}

#[derive(Debug)]
enum Source {
    /// Occurrence `i` takes row `i`.
    PerId,
    /// Occurrence `i` takes the row of its bag.
    Bags { bag_of: Buffer<u32> },
    /// Occurrence `i` takes the elements of its bag's row for which it holds the maximum.
    Max { bag_of: Buffer<u32>, argmax: Buffer<u32> },
}

impl<T: Element> RowGrad<T> {
    /// The gradient has one row per id.
    pub fn per_id(ids: Ids, dim: usize, padding: Option<usize>) -> Self {
        let grad_rows = ids.len();
        Self { ids, dim, grad_rows, padding, source: Source::PerId, scale: Scale::One }
    }

    /// The gradient has one row per bag. For maxima, the values of `weight` now decide which id takes each element.
    ///
    /// # Errors
    /// If the pooling does not fit the bags, or there are more ids or bags than a 32-bit count holds.
    pub fn bags(bags: Bags, weight: Rows<'_, T>, pooling: &Pooling<'_, T>) -> Result<Self, Error> {
        pooling.check(&bags, weight)?;
        let grad_rows = bags.len();
        let most = grad_rows.max(bags.ids().len());
        if u32::try_from(most).is_err() {
            return Err(Error::TooManyIds { got: most });
        }
        let padding = pooling.padding;
        let mut bag_of = Buffer::of_len(bags.ids().len())?;
        for (bag, range) in bags.starts().windows(2).enumerate() {
            bag_of[range[0]..range[1]].fill(bag as u32);
        }
        let mut scale = Scale::One;
        let source = match pooling.mode {
            Mode::Sum => {
                if let Some(weights) = pooling.sample_weights {
                    let mut factors = Buffer::of_len(weights.len())?;
                    factors.copy_from_slice(weights);
                    scale = Scale::PerOccurrence(factors);
                }
                Source::Bags { bag_of }
            }
            Mode::Mean => {
                scale = Scale::PerRow(mean_scale(&bags, padding)?);
                Source::Bags { bag_of }
            }
            Mode::Max => Source::Max { bag_of, argmax: argmax(&bags, weight, padding)? },
        };
        Ok(Self { ids: bags.into_ids(), dim: weight.dim(), grad_rows, padding, source, scale })
    }

    /// Divides each occurrence's part by the number of times its id occurs here.
    ///
    /// # Errors
    /// For maxima, and if there are more ids than a 32-bit count holds.
    pub fn scaled_by_frequency(mut self) -> Result<Self, Error> {
        if matches!(self.source, Source::Max { .. }) {
            return Err(Error::FrequencyOfMax);
        }
        let groups = Groups::new(&[Marked::by_position(&self.ids)], |row| Some(row) != self.padding)?;
        let mut scale = Buffer::of_len(self.ids.len())?;
        for (i, factor) in scale.iter_mut().enumerate() {
            *factor = self.factor(i);
        }
        for k in 0..groups.rows().len() {
            let positions = groups.marks(k);
            let count = T::from_f64(positions.len() as f64);
            for &position in positions {
                scale[position as usize] = scale[position as usize] / count;
            }
        }
        self.scale = Scale::PerOccurrence(scale);
        Ok(self)
    }

    /// The row of the gradient that occurrence `i` takes from.
    #[inline(always)]
    fn grad_row(&self, i: usize) -> usize {
        match &self.source {
            Source::PerId => i,
            Source::Bags { bag_of } | Source::Max { bag_of, .. } => bag_of[i] as usize,
        }
    }

    /// What it is multiplied by.
    #[inline(always)]
    fn factor(&self, i: usize) -> T {
        match &self.scale {
            Scale::One => T::ONE,
            Scale::PerRow(factors) => factors[self.grad_row(i)],
            Scale::PerOccurrence(factors) => factors[i],
        }
    }

    /// Is the part of an occurrence all said by the row of the gradient that it takes from?
    fn follows_row(&self) -> bool {
        !matches!(self.source, Source::Max { .. }) && !matches!(self.scale, Scale::PerOccurrence(_))
    }

    /// Number of ids, padding included.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// No ids at all?
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The shape that the gradient matrix must have.
    pub fn grad_shape(&self) -> (usize, usize) {
        (self.grad_rows, self.dim)
    }
}

/// `1 / (ids of the bag that are not padding)` for each bag.
fn mean_scale<T: Element>(bags: &Bags, padding: Option<usize>) -> Result<Buffer<T>, Error> {
    let mut scale = Buffer::of_len(bags.len())?;
    for (bag, factor) in scale.iter_mut().enumerate() {
        *factor = T::ONE / T::from_f64(counted(bags, bag, padding) as f64);
    }
    Ok(scale)
}

/// A `RowGrad` with the matrix that it refers to.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a, T> {
    route: &'a RowGrad<T>,
    grad: Rows<'a, T>,
}

impl<'a, T: Element> Entry<'a, T> {
    /// Joins the two.
    ///
    /// # Errors
    /// If the matrix has another shape than the ids or bags imply.
    pub fn new(route: &'a RowGrad<T>, grad: Rows<'a, T>) -> Result<Self, Error> {
        check_shape("the number of rows of grad", grad.rows(), route.grad_rows)?;
        check_shape("the dim of grad", grad.dim(), route.dim)?;
        Ok(Self { route, grad })
    }

    /// `sum += ` the part of occurrence `i`: for maxima, the elements for which it holds the maximum.
    #[inline(always)]
    fn add_to(&self, i: usize, sum: &mut [T]) {
        let Source::Max { bag_of, argmax } = &self.route.source else {
            return loops::add_scaled(sum, self.grad.row(self.route.grad_row(i)), self.route.factor(i));
        };
        let first = bag_of[i] as usize * self.route.dim;
        let holders = &argmax[first..first + self.route.dim];
        for ((sum, &value), &holder) in sum.iter_mut().zip(self.grad.row(bag_of[i] as usize)).zip(holders) {
            *sum += if holder == i as u32 { value } else { T::ZERO };
        }
    }
}
