//! Arrays that read as one value everywhere and cost memory only where they are written, page by page.
//!
//! The optimizer state of a table that is mapped from a file: the table costs memory for the rows that training
//! touches, and so must its state, whatever value it starts from. The elements have their true values from the start,
//! so kernels need not know.

#[cfg(unix)]
mod mapping;

use std::ops::{Deref, DerefMut};

use crate::element::Element;
use crate::error::Error;
use crate::scratch::zeroed;
#[cfg(unix)]
use mapping::Mapping;

/// Arrays up to this size are ordinary memory: mapping them page by page would not pay.
const MAX_ORDINARY_BYTES: usize = 1 << 20;

/// An array of a fixed length whose untouched pages cost nothing.
///
/// Where the system cannot map memory so, it is an ordinary array.
#[derive(Debug)]
pub struct LazyArray<T> {
    memory: Memory<T>,
}

#[derive(Debug)]
enum Memory<T> {
    Ordinary(Vec<T>),
    #[cfg(unix)]
    Mapped(Mapping),
}

impl<T: Element> LazyArray<T> {
    /// An array of `len` elements that all are `value`.
    ///
    /// # Errors
    /// If there is no memory for it, or no address space.
    pub fn full(len: usize, value: T) -> Result<Self, Error> {
        let bytes = len.checked_mul(size_of::<T>()).filter(|&bytes| isize::try_from(bytes).is_ok());
        let bytes = bytes.ok_or(Error::Memory { bytes: len.saturating_mul(size_of::<T>()) })?;
        #[cfg(unix)]
        if bytes > MAX_ORDINARY_BYTES
            && let Some(mapping) = Mapping::full(bytes, value)?
        {
            return Ok(Self { memory: Memory::Mapped(mapping) });
        }
        #[cfg(not(unix))]
        let _ = (bytes, MAX_ORDINARY_BYTES);
        Ok(Self { memory: Memory::Ordinary(ordinary(len, value)?) })
    }
}

/// Zeros as they come from the system, or a filled array.
fn ordinary<T: Element>(len: usize, value: T) -> Result<Vec<T>, Error> {
    let mut values = zeroed(len)?;
    if !is_zero(&value) {
        values.fill(value);
    }
    Ok(values)
}

/// All bits zero? So -0.0 is not.
fn is_zero<T: Element>(value: &T) -> bool {
    bytemuck::bytes_of(value).iter().all(|&byte| byte == 0)
}

impl<T: Element> Deref for LazyArray<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.memory {
            Memory::Ordinary(values) => values,
            #[cfg(unix)]
            Memory::Mapped(mapping) => bytemuck::cast_slice(mapping),
        }
    }
}

impl<T: Element> DerefMut for LazyArray<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.memory {
            Memory::Ordinary(values) => values,
            #[cfg(unix)]
            Memory::Mapped(mapping) => bytemuck::cast_slice_mut(mapping),
        }
    }
}
