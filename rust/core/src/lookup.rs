//! Gathering rows.

use crate::element::Element;
use crate::error::Error;
use crate::ids::{Id, Ids, with_ids};
use crate::parallel::{Cuts, PART_BYTES, for_each_part};
use crate::rows::{Rows, RowsMut};
use crate::scratch::Workspace;
use crate::simd::blocks::copy_row;
use crate::simd::stream::RowStream;
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
    let streamed = out.is_dense() && out.rows() * row_bytes >= STREAM_BYTES;
    let workspace = Workspace::new(if streamed { RowStream::<T>::collected_len(weight.dim()) } else { 0 })?;
    let cuts = Cuts::Every((PART_BYTES / row_bytes).max(1));
    with_ids!(ids, |ids| for_each_part(&mut [out], cuts, 2 * ids.len() * row_bytes, |_, first, [out]| {
        let ids = &ids[first..first + out.rows()];
        workspace.with_row(|collected| level.run(Gather { ids, weight, out, streamed, collected }));
    }));
    Ok(())
}

/// Results of so many bytes are written past the caches: they would not stay there until they are read.
const STREAM_BYTES: usize = if cfg!(test) { 1 << 10 } else { 16 << 20 };

/// Refuses a length that differs from what the other arguments imply.
pub(crate) fn check_shape(what: &'static str, got: usize, wanted: usize) -> Result<(), Error> {
    if got == wanted { Ok(()) } else { Err(Error::Shape { what, got, wanted }) }
}

struct Gather<'a, T, I> {
    ids: &'a [I],
    weight: Rows<'a, T>,
    out: RowsMut<'a, T>,
    streamed: bool,
    collected: &'a mut [T],
}

impl<T: Element, I: Id> Kernel for Gather<'_, T, I> {
    type Element = T;
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<T>>(mut self) {
        let weight = self.weight;
        let ahead = ahead(weight.dim() * size_of::<T>());
        for id in self.ids.iter().take(ahead) {
            prefetch(weight.row(id.row()));
        }
        let rows = self.ids.iter().enumerate().map(|(i, id)| {
            if let Some(id) = self.ids.get(i + ahead) {
                prefetch(weight.row(id.row()));
            }
            weight.row(id.row())
        });
        if self.streamed
            && let Some(out) = self.out.dense()
        {
            let mut stream = RowStream::new(out, self.collected);
            for row in rows {
                stream.push::<V>(row);
            }
            stream.finish();
        } else {
            for (i, row) in rows.enumerate() {
                copy_row::<T, V>(self.out.row_mut(i), row);
            }
        }
    }
}
