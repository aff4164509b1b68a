//! Borrowed `rows × dim` views of the caller's memory.
//!
//! A row is contiguous; rows may lie further apart than `dim` (a slice of columns, every second row).

use std::marker::PhantomData;
use std::ops::Range;

/// Rows to read.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, T> {
    start: *const T,
    rows: usize,
    dim: usize,
    stride: isize,
    memory: PhantomData<&'a [T]>,
}

// SAFETY: a Rows is a shared borrow of `T`s, which is Send and Sync whenever &[T] is.
unsafe impl<T: Sync> Send for Rows<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Rows<'_, T> {}

impl<'a, T> Rows<'a, T> {
    /// Views a slice as rows of `dim` elements, one after the other.
    ///
    /// # Panics
    /// If the slice does not hold `rows * dim` elements.
    pub fn new(slice: &'a [T], rows: usize, dim: usize) -> Self {
        assert_eq!(Some(slice.len()), rows.checked_mul(dim), "a view covers its slice");
        Self { start: slice.as_ptr(), rows, dim, stride: dim as isize, memory: PhantomData }
    }

    /// Views memory of the caller's.
    ///
    /// # Safety
    /// - For each `row < rows`, the `dim` elements from `start + row * stride` are readable, initialised and aligned.
    /// - Nobody writes them during `'a`.
    pub unsafe fn from_raw(start: *const T, rows: usize, dim: usize, stride: isize) -> Self {
        Self { start, rows, dim, stride, memory: PhantomData }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Elements in a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// One row.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline(always)]
    pub fn row(&self, row: usize) -> &'a [T] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        // SAFETY: row < rows, so by the contract of the constructors these dim elements are readable for 'a.
        unsafe { std::slice::from_raw_parts(self.start.offset(row as isize * self.stride), self.dim) }
    }

    /// Some of the rows.
    ///
    /// # Panics
    /// If the range leaves the rows.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.rows, "rows {range:?} of {}", self.rows);
        let start = if range.is_empty() {
            self.start
        } else {
            // SAFETY: range.start is one of our rows.
            unsafe { self.start.offset(range.start as isize * self.stride) }
        };
        Self { start, rows: range.len(), ..*self }
    }
}

/// Rows to change. No two rows share memory.
#[derive(Debug)]
pub struct RowsMut<'a, T> {
    start: *mut T,
    rows: usize,
    dim: usize,
    stride: isize,
    memory: PhantomData<&'a mut [T]>,
}

// SAFETY: a RowsMut is a unique borrow of `T`s, which is Send whenever &mut [T] is.
unsafe impl<T: Send> Send for RowsMut<'_, T> {}
// SAFETY: a shared RowsMut only reads, like &&mut [T].
unsafe impl<T: Sync> Sync for RowsMut<'_, T> {}

impl<'a, T> RowsMut<'a, T> {
    /// Views a slice as rows of `dim` elements, one after the other.
    ///
    /// # Panics
    /// If the slice does not hold `rows * dim` elements.
    pub fn new(slice: &'a mut [T], rows: usize, dim: usize) -> Self {
        assert_eq!(Some(slice.len()), rows.checked_mul(dim), "a view covers its slice");
        Self { start: slice.as_mut_ptr(), rows, dim, stride: dim as isize, memory: PhantomData }
    }

    /// Views memory of the caller's.
    ///
    /// # Safety
    /// - For each `row < rows`, the `dim` elements from `start + row * stride` are writable, initialised and aligned.
    /// - No two rows share an element.
    /// - Nobody else reads or writes them during `'a`.
    pub unsafe fn from_raw(start: *mut T, rows: usize, dim: usize, stride: isize) -> Self {
        Self { start, rows, dim, stride, memory: PhantomData }
    }

    /// As many rows, with nothing in them: stands where a rule keeps no state.
    pub fn empty(rows: usize) -> Self {
        Self { start: std::ptr::NonNull::dangling().as_ptr(), rows, dim: 0, stride: 0, memory: PhantomData }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Elements in a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// One row to read.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline(always)]
    pub fn row(&self, row: usize) -> &[T] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        // SAFETY: row < rows, so these dim elements are ours; they stay borrowed with self.
        unsafe { std::slice::from_raw_parts(self.start.offset(row as isize * self.stride), self.dim) }
    }

    /// One row to change.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline(always)]
    pub fn row_mut(&mut self, row: usize) -> &mut [T] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        // SAFETY: row < rows, so these dim elements are ours alone; they stay borrowed with self.
        unsafe { std::slice::from_raw_parts_mut(self.start.offset(row as isize * self.stride), self.dim) }
    }

    /// All rows to read.
    pub(crate) fn to_read(&self) -> Rows<'_, T> {
        Rows { start: self.start, rows: self.rows, dim: self.dim, stride: self.stride, memory: PhantomData }
    }

    /// Do the rows lie one after the other? A step to the next row that is never taken may be any.
    pub(crate) fn is_dense(&self) -> bool {
        self.rows <= 1 || self.stride == self.dim as isize
    }

    /// All elements, where the rows lie one after the other.
    pub(crate) fn dense(&mut self) -> Option<&mut [T]> {
        if !self.is_dense() {
            return None;
        }
        if self.rows == 0 {
            return Some(&mut []); // `start` may point nowhere
        }
        // SAFETY: the rows leave no gaps, so these are our elements and no others; they stay borrowed with self.
        Some(unsafe { std::slice::from_raw_parts_mut(self.start, self.rows * self.dim) })
    }

    /// Some of the rows, as a view of their own that does not borrow `self`.
    ///
    /// # Safety
    /// While two such views live, or one and a borrow of `self`'s rows, they cover different rows.
    ///
    /// # Panics
    /// If the range leaves the rows.
    pub(crate) unsafe fn part(&self, range: Range<usize>) -> RowsMut<'a, T> {
        assert!(range.start <= range.end && range.end <= self.rows, "rows {range:?} of {}", self.rows);
        let start = if range.is_empty() {
            self.start
        } else {
            // SAFETY: range.start is one of our rows.
            unsafe { self.start.offset(range.start as isize * self.stride) }
        };
        RowsMut { start, rows: range.len(), dim: self.dim, stride: self.stride, memory: PhantomData }
    }
}
