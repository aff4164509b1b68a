//! Views of the caller's memory.

use crate::rows::RowsMut;

#[test]
fn rows_are_one_block_where_no_gap_lies_between_two_of_them() {
    let mut memory = [1.0, 2.0, 3.0, 4.0, 5.0];
    let (start, nowhere) = (memory.as_mut_ptr(), std::ptr::null_mut::<f64>());
    for (start, rows, dim, stride, wanted) in [
        (start, 2, 2, 2, Some(&[1.0, 2.0, 3.0, 4.0][..])),
        (start, 2, 2, 3, None),
        (start, 1, 3, -99, Some(&[1.0, 2.0, 3.0])),
        (nowhere, 0, 3, 99, Some(&[])),
    ] {
        // SAFETY: these rows lie within the memory, apart from each other.
        let mut view = unsafe { RowsMut::from_raw(start, rows, dim, stride) };
        assert_eq!(view.dense().as_deref(), wanted);
    }
}
