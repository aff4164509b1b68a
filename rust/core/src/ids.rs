//! The bounds check: raw ids → `Ids`, ids and offsets → `Bags`.
//!
//! Both own a checked copy, so that no other thread can change them after the check. Holding one is the proof that
//! every id names a row; kernels accept only these.

use crate::error::{Error, OffsetRule};
use crate::scratch::Buffer;

/// An integer type in which ids or offsets come.
pub trait RawId: Copy {
    /// The same number, a negative one as a number above every count of rows.
    fn widen(self) -> u64;

    /// The same number.
    fn value(self) -> i128;
}

macro_rules! raw_id {
    ($($type:ty => $wide:ty),*) => {$(
        impl RawId for $type {
            #[inline(always)]
            fn widen(self) -> u64 {
                <$wide>::from(self) as u64
            }

            fn value(self) -> i128 {
                i128::from(self)
            }
        }
    )*};
}

raw_id!(i8 => i64, i16 => i64, i32 => i64, i64 => i64, u8 => u64, u16 => u64, u32 => u64, u64 => u64);

/// A checked id in its stored width.
pub(crate) trait Id: bytemuck::Pod + Sync {
    fn row(self) -> usize;
}

impl Id for u32 {
    #[inline(always)]
    fn row(self) -> usize {
        self as usize
    }
}

impl Id for u64 {
    #[inline(always)]
    fn row(self) -> usize {
        self as usize
    }
}

/// Ids that all name a row of a table of `rows` rows.
#[derive(Debug)]
pub struct Ids {
    rows: usize,
    values: Values,
}

/// Narrow wherever the rows fit, to halve the traffic.
#[derive(Debug)]
pub(crate) enum Values {
    Narrow(Buffer<u32>),
    Wide(Buffer<u64>),
}

/// Runs the same code on ids of either width.
macro_rules! with_ids {
    ($ids:expr, |$slice:ident| $body:expr) => {
        match $ids.values() {
            $crate::ids::Values::Narrow(buffer) => {
                let $slice: &[u32] = buffer;
                $body
            }
            $crate::ids::Values::Wide(buffer) => {
                let $slice: &[u64] = buffer;
                $body
            }
        }
    };
}
pub(crate) use with_ids;

impl Ids {
    /// Copies and checks ids.
    ///
    /// # Errors
    /// At the first id that is negative or not below `rows`.
    pub fn check<I: RawId>(raw: &[I], rows: usize) -> Result<Self, Error> {
        let values = if u32::try_from(rows.saturating_sub(1)).is_ok() {
            Values::Narrow(copy_checked(raw, rows, |id| id as u32)?)
        } else {
            Values::Wide(copy_checked(raw, rows, |id| id)?)
        };
        Ok(Self { rows, values })
    }

    /// Copies ids that belong to no table: as many rows as the largest asks for.
    ///
    /// # Errors
    /// At the first id that is negative or not below 2⁶³ - 1.
    pub fn check_alone<I: RawId>(raw: &[I]) -> Result<Self, Error> {
        let most = raw.iter().map(|id| id.widen()).max().map_or(0, |most| most.saturating_add(1));
        let rows = usize::try_from(most).unwrap_or(usize::MAX).min(isize::MAX as usize);
        Self::check(raw, rows).map_err(|error| match error {
            Error::IdOutOfRange { position, value, .. } => Error::IdOutsideAnyTable { position, value },
            other => other,
        })
    }

    /// Rows of the table that the ids were checked for.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of ids.
    pub fn len(&self) -> usize {
        with_ids!(self, |ids| ids.len())
    }

    /// No ids at all?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn values(&self) -> &Values {
        &self.values
    }

    /// Refuses a table of another number of rows.
    pub(crate) fn expect_rows(&self, rows: usize) -> Result<(), Error> {
        if self.rows == rows {
            return Ok(());
        }
        Err(Error::Shape { what: "the number of rows of the table", got: rows, wanted: self.rows })
    }
}

/// Each id is read once, so what was checked is what is stored.
fn copy_checked<I: RawId, S: bytemuck::Pod>(
    raw: &[I],
    rows: usize,
    narrow: impl Fn(u64) -> S,
) -> Result<Buffer<S>, Error> {
    const BLOCK: usize = 512;
    let mut checked = Buffer::of_len(raw.len())?;
    let blocks = raw.chunks(BLOCK).zip(checked.chunks_mut(BLOCK));
    for (block, (raw, checked)) in blocks.enumerate() {
        let mut outside = false;
        for (&raw, checked) in raw.iter().zip(checked) {
            let id = raw.widen();
            outside |= id >= rows as u64;
            *checked = narrow(id);
        }
        if outside {
            let within = raw.iter().position(|id| id.widen() >= rows as u64).unwrap_or(0);
            let position = block * BLOCK + within;
            return Err(Error::IdOutOfRange { position, value: raw[within].value(), rows });
        }
    }
    Ok(checked)
}

/// The row that a padding id names; negative ones count from the end.
///
/// # Errors
/// If there is no such row.
pub fn padding_row(padding_idx: i128, rows: usize) -> Result<usize, Error> {
    let row = if padding_idx < 0 { padding_idx.saturating_add(rows as i128) } else { padding_idx };
    match usize::try_from(row) {
        Ok(row) if row < rows => Ok(row),
        _ => Err(Error::PaddingOutOfRange { value: padding_idx, rows }),
    }
}

/// Ids cut into bags: bag `b` holds the ids from `starts[b]` to `starts[b + 1]`.
#[derive(Debug)]
pub struct Bags {
    ids: Ids,
    starts: Buffer<usize>,
}

impl Bags {
    /// Cuts ids at offsets: one entry more than there are bags, or (with `include_last` false) one per bag.
    ///
    /// # Errors
    /// If the offsets do not start at 0, fall, exceed the number of ids, or (with `include_last`) end before it.
    pub fn check<O: RawId>(ids: Ids, offsets: &[O], include_last: bool) -> Result<Self, Error> {
        let count = ids.len();
        if offsets.is_empty() && (include_last || count > 0) {
            return Err(Error::NoOffsets);
        }
        let mut starts = Buffer::of_len(offsets.len() + usize::from(!include_last))?;
        let mut before = 0;
        for (position, (&offset, start)) in offsets.iter().zip(starts.iter_mut()).enumerate() {
            let value = offset.widen();
            let wanted = if position == 0 && value != 0 {
                OffsetRule::StartsAtZero
            } else if value > count as u64 {
                if offset.value() < 0 { OffsetRule::NotBelow(before) } else { OffsetRule::NotAbove(count) }
            } else if (value as usize) < before {
                OffsetRule::NotBelow(before)
            } else {
                before = value as usize;
                *start = before;
                continue;
            };
            return Err(Error::Offsets { position, value: offset.value(), wanted });
        }
        if include_last {
            if before != count {
                let position = offsets.len() - 1;
                return Err(Error::Offsets { position, value: before as i128, wanted: OffsetRule::EndsAt(count) });
            }
        } else {
            starts[offsets.len()] = count;
        }
        Ok(Self { ids, starts })
    }

    /// Cuts ids into `bags` bags of the same length.
    ///
    /// # Errors
    /// If that does not use each id once.
    pub fn uniform(ids: Ids, bags: usize, length: usize) -> Result<Self, Error> {
        if bags.checked_mul(length) != Some(ids.len()) {
            return Err(Error::Shape {
                what: "the number of ids",
                got: ids.len(),
                wanted: bags.saturating_mul(length),
            });
        }
        let mut starts = Buffer::of_len(bags.saturating_add(1))?;
        for (bag, start) in starts.iter_mut().enumerate() {
            *start = bag * length;
        }
        Ok(Self { ids, starts })
    }

    /// The ids of all bags.
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// Number of bags.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// No bags at all?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where each bag starts, and at last the number of ids.
    pub(crate) fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// Gives the ids back.
    pub(crate) fn into_ids(self) -> Ids {
        self.ids
    }
}
