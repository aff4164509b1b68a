//! Lookup against indexing.

use super::inputs::Random;
use super::{DIMS, at_every_setting};
use crate::element::Element;
use crate::error::Error;
use crate::ids::Ids;
use crate::lookup::lookup;
use crate::rows::{Rows, RowsMut};

fn battery<T: Element>() {
    let mut random = Random::new(2);
    for dim in DIMS {
        for count in [0, 1, 2, 40, 3000] {
            let rows = 50;
            let table = random.values::<T>(rows * dim);
            let ids = random.ids(count, rows);
            let found = at_every_setting(|| {
                let mut out = vec![0u8; count * dim * size_of::<T>()];
                let mut out_values = vec![T::ZERO; count * dim];
                let checked = Ids::check(&ids, rows).unwrap();
                let to = RowsMut::new(&mut out_values, count, dim);
                lookup(&checked, Rows::new(&table, rows, dim), to).unwrap();
                out.copy_from_slice(bytemuck::cast_slice(&out_values));
                out
            });
            let wanted: Vec<T> =
                ids.iter().flat_map(|&id| table[id as usize * dim..(id as usize + 1) * dim].to_vec()).collect();
            assert_eq!(found, bytemuck::cast_slice::<T, u8>(&wanted));
        }
    }
}

#[test]
fn f32_rows() {
    battery::<f32>();
}

#[test]
fn f64_rows() {
    battery::<f64>();
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let table = [0.0f32; 12];
    let ids = Ids::check(&[0i64, 3], 4).unwrap();
    let mut out = [7.0f32; 6];
    let wrong_dim = lookup(&ids, Rows::new(&table, 4, 3), RowsMut::new(&mut out[..4], 2, 2));
    assert!(matches!(wrong_dim, Err(Error::Shape { got: 2, wanted: 3, .. })));
    let wrong_length = lookup(&ids, Rows::new(&table, 4, 3), RowsMut::new(&mut out[..3], 1, 3));
    assert!(matches!(wrong_length, Err(Error::Shape { got: 1, wanted: 2, .. })));
    let wrong_table = lookup(&ids, Rows::new(&table, 6, 2), RowsMut::new(&mut out[..4], 2, 2));
    assert!(matches!(wrong_table, Err(Error::Shape { got: 6, wanted: 4, .. })));
    assert_eq!(out, [7.0; 6]);
}
