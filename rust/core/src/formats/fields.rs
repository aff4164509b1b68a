//! The fields of a binary file, one after the other, each checked against what it may be.

use std::ops::RangeInclusive;

use super::error::FormatError;
use super::source::Source;

/// What is left of a file of fields.
pub(crate) struct Fields<'a> {
    source: &'a mut Source,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(source: &'a mut Source) -> Self {
        Self { source }
    }

    pub(crate) fn source(&self) -> &Source {
        self.source
    }

    /// A number of 4 bytes; `wanted` is what it may be.
    pub(crate) fn i32_within(&mut self, what: &'static str, wanted: RangeInclusive<i64>) -> Result<i64, FormatError> {
        let value = i64::from(i32::from_le_bytes(self.held(what)?));
        self.within(what, value, wanted, size_of::<i32>())
    }

    /// A number of 8 bytes; `wanted` is what it may be.
    pub(crate) fn i64_within(&mut self, what: &'static str, wanted: RangeInclusive<i64>) -> Result<i64, FormatError> {
        let value = i64::from_le_bytes(self.held(what)?);
        self.within(what, value, wanted, size_of::<i64>())
    }

    /// A number of 1 byte; `wanted` is what it may be.
    pub(crate) fn i8_within(&mut self, what: &'static str, wanted: RangeInclusive<i64>) -> Result<i64, FormatError> {
        let value = i64::from(i8::from_le_bytes(self.held(what)?));
        self.within(what, value, wanted, size_of::<i8>())
    }

    /// A byte that is 0 or 1.
    pub(crate) fn flag(&mut self, what: &'static str) -> Result<bool, FormatError> {
        Ok(self.i8_within(what, 0..=1)? == 1)
    }

    /// The length of the text that comes next, which ends before a zero byte and is held, with that byte.
    pub(crate) fn zero_terminated(&mut self, what: &'static str, limit: usize) -> Result<usize, FormatError> {
        let mut searched = 0;
        loop {
            let held = self.source.bytes();
            if let Some(found) = memchr::memchr(0, &held[searched..]).filter(|found| searched + found <= limit) {
                return Ok(searched + found);
            }
            searched = held.len();
            if searched > limit {
                let (found, wanted) = (format!("longer than {limit} bytes"), "a zero byte at its end".to_owned());
                return Err(self.fault(what, found, wanted));
            }
            if !self.source.need(searched + 1)? {
                return Err(self.cut(what, searched));
            }
        }
    }

    /// Passes bytes whose value does not matter.
    pub(crate) fn skip(&mut self, what: &'static str, count: usize) -> Result<(), FormatError> {
        self.need(what, count)?;
        self.source.consume(count);
        Ok(())
    }

    /// Bytes in large number, past the buffer.
    pub(crate) fn fill(&mut self, what: &'static str, mut out: &mut [u8]) -> Result<(), FormatError> {
        while !out.is_empty() {
            let read = self.source.read_into(out)?;
            if read < out.len() && self.source.is_at_end() {
                return Err(self.cut(what, 0));
            }
            out = &mut out[read..];
        }
        Ok(())
    }

    /// The shape of a float32 matrix that must have so many rows and columns.
    pub(crate) fn matrix(&mut self, what: &'static str, rows: u64, columns: usize) -> Result<(), FormatError> {
        self.need(what, 2 * size_of::<i64>())?;
        let rows = rows as i64;
        self.i64_within("the number of rows of a matrix", rows..=rows)?;
        self.i64_within("the number of columns of a matrix", columns as i64..=columns as i64)?;
        self.promise(what, rows as u64 * columns as u64 * size_of::<f32>() as u64)
    }

    /// The number of rows of a float32 matrix that must have so many columns.
    pub(crate) fn matrix_of(&mut self, what: &'static str, columns: usize) -> Result<u64, FormatError> {
        self.need(what, 2 * size_of::<i64>())?;
        let rows = self.i64_within("the number of rows of a matrix", 0..=i64::from(i32::MAX))?;
        self.i64_within("the number of columns of a matrix", columns as i64..=columns as i64)?;
        self.promise(what, rows as u64 * columns as u64 * size_of::<f32>() as u64)?;
        Ok(rows as u64)
    }

    /// Whether it is known, without reading them, that the file ends after `bytes` more. An error where it goes on.
    pub(crate) fn ends_after(&self, bytes: u64) -> Result<bool, FormatError> {
        match self.source.remaining() {
            None => Ok(false),
            Some(left) if left == bytes => Ok(true),
            Some(_) => Err(self.goes_on(self.source.offset() + bytes)),
        }
    }

    /// An error unless the file ends here.
    pub(crate) fn end(&mut self) -> Result<(), FormatError> {
        if self.source.need(1)? { Err(self.goes_on(self.source.offset())) } else { Ok(()) }
    }

    /// The error for a file that is none of those that can be read.
    pub(crate) fn refused(&self, found: &'static str) -> FormatError {
        FormatError::Refused { path: self.source.path().to_owned(), found }
    }

    fn goes_on(&self, byte: u64) -> FormatError {
        FormatError::GoesOn { path: self.source.path().to_owned(), byte }
    }

    /// Where the size of the file is known, a promise that it cannot keep is found before anything is read.
    fn promise(&self, what: &'static str, promised: u64) -> Result<(), FormatError> {
        match self.source.remaining() {
            Some(left) if left < promised => {
                let (path, byte) = (self.source.path().to_owned(), self.source.offset());
                Err(FormatError::Promise { path, byte, what, promised, left })
            }
            _ => Ok(()),
        }
    }

    fn need(&mut self, what: &'static str, count: usize) -> Result<(), FormatError> {
        if self.source.need(count)? { Ok(()) } else { Err(self.cut(what, self.source.bytes().len())) }
    }

    /// The next bytes, not yet passed.
    fn held<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], FormatError> {
        self.need(what, N)?;
        Ok(*self.source.bytes().first_chunk().expect("so many bytes are held"))
    }

    fn within(
        &mut self,
        what: &'static str,
        value: i64,
        wanted: RangeInclusive<i64>,
        bytes: usize,
    ) -> Result<i64, FormatError> {
        if !wanted.contains(&value) {
            let (least, most) = wanted.into_inner();
            let wanted = if least == most { least.to_string() } else { format!("{least} to {most}") };
            return Err(self.fault(what, value.to_string(), wanted));
        }
        self.source.consume(bytes);
        Ok(value)
    }

    fn fault(&self, what: &'static str, found: String, wanted: String) -> FormatError {
        FormatError::Field { path: self.source.path().to_owned(), byte: self.source.offset(), what, found, wanted }
    }

    /// The file ends behind `held` more bytes.
    fn cut(&self, what: &'static str, held: usize) -> FormatError {
        FormatError::Cut { path: self.source.path().to_owned(), byte: self.source.offset() + held as u64, what }
    }
}
