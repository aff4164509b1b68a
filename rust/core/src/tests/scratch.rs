//! Buffers come back.

use crate::scratch::{Buffer, MAX_KEPT_BYTES, cached_bytes};

#[test]
fn buffers_keep_their_length_and_values() {
    let mut buffer = Buffer::<f32>::of_len(1000);
    buffer.fill(1.5);
    assert_eq!(buffer.iter().sum::<f32>(), 1500.0);
    buffer.truncate(10);
    assert_eq!(buffer.len(), 10);
    assert!(Buffer::<u64>::of_len(0).is_empty());
}

#[test]
fn the_cache_is_bounded() {
    for _ in 0..3 {
        let buffers: Vec<_> = (0..12).map(|_| Buffer::<u64>::of_len(4 << 20)).collect();
        drop(buffers);
        assert!(cached_bytes() <= MAX_KEPT_BYTES);
    }
    drop(Buffer::<u64>::of_len(MAX_KEPT_BYTES / 8 + 1));
    assert!(cached_bytes() <= MAX_KEPT_BYTES);
}
