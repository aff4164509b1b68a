//! Streaming stores against plain ones: whatever the alignment, the dim and the number of rows.

use proptest::prelude::*;

use crate::element::Element;
use crate::simd::stream::RowStream;
use crate::simd::vector::Lanes;

fn assert_streams<T: Element>(skew: usize, rows: usize, dim: usize) {
    let values: Vec<T> = (0..rows * dim).map(|i| T::from_f64(i as f64 + 1.0)).collect();
    let untouched = T::from_f64(-1.0);
    let mut memory = vec![untouched; skew + rows * dim + 40];
    let mut collected = vec![T::ZERO; RowStream::<T>::collected_len(dim)];
    let mut stream = RowStream::new(&mut memory[skew..skew + rows * dim], &mut collected);
    for row in values.chunks(dim) {
        stream.push::<Lanes<T, 4>>(row);
    }
    stream.finish();
    assert!(memory[skew..skew + rows * dim] == values);
    assert!(memory[..skew].iter().chain(&memory[skew + rows * dim..]).all(|&value| value == untouched));
}

proptest! {
    #[test]
    fn any_place_and_shape(skew in 0usize..40, rows in 0usize..70, dim in 1usize..150) {
        assert_streams::<f32>(skew, rows, dim);
        assert_streams::<f64>(skew, rows, dim);
    }
}

#[test]
fn rows_longer_than_the_collection() {
    for skew in 0..20 {
        assert_streams::<f32>(skew, 3, 2000);
        assert_streams::<f64>(skew, 2, 1001);
    }
}
