//! Gathering rows.

use crate::element::Element;
use crate::error::Error;
use crate::ids::{Id, Ids, with_ids};
use crate::parallel::{Cuts, PART_BYTES, for_each_part};
use crate::rows::{Rows, RowsMut};
use crate::simd::{Kernel, Level, Vector, ahead, prefetch};

/// `out[i] = weight[ids[i]]`
///
/// # Errors
/// If the shapes do not fit together; nothing is written then.
pub fn lookup<T: Element>(ids: &Ids, weight: Rows<'_, T>, out: RowsMut<'_, T>) -> Result<(), Error> {
    ids.expect_rows(weight.rows())?;
    check_shape("the number of rows of out", out.rows(), ids.len())?;
    check_shape("the dim of out", out.dim(), weight.dim())?;
    let level = Level::current();
    let row_bytes = (weight.dim() * size_of::<T>()).max(1);
    let cuts = Cuts::Every((PART_BYTES / row_bytes).max(1));
    with_ids!(ids, |ids| for_each_part(&mut [out], cuts, 2 * ids.len() * row_bytes, |_, first, [out]| {
        level.run(Gather { ids: &ids[first..first + out.rows()], weight, out });
    }));
    Ok(())
}

/// Refuses a length that differs from what the other arguments imply.
pub(crate) fn check_shape(what: &'static str, got: usize, wanted: usize) -> Result<(), Error> {
    if got == wanted { Ok(()) } else { Err(Error::Shape { what, got, wanted }) }
}

struct Gather<'a, T, I> {
    ids: &'a [I],
    weight: Rows<'a, T>,
    out: RowsMut<'a, T>,
}

impl<T: Element, I: Id> Kernel for Gather<'_, T, I> {
    type Element = T;
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<T>>(mut self) {
        let ahead = ahead(self.weight.dim() * size_of::<T>());
        for (i, id) in self.ids.iter().enumerate() {
            if let Some(id) = self.ids.get(i + ahead) {
                prefetch(self.weight.row(id.row()));
            }
            self.out.row_mut(i).copy_from_slice(self.weight.row(id.row()));
        }
    }
}
