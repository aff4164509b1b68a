//! Buffers come back.

use crate::error::Error;
use crate::scratch::{Buffer, MAX_KEPT_BYTES, Workspace, cached_bytes, zeroed};

#[test]
fn buffers_keep_their_length_and_values() {
    let mut buffer = Buffer::<f32>::of_len(1000).unwrap();
    buffer.fill(1.5);
    assert_eq!(buffer.iter().sum::<f32>(), 1500.0);
    buffer.truncate(10);
    assert_eq!(buffer.len(), 10);
    assert!(Buffer::<u64>::of_len(0).unwrap().is_empty());
}

#[test]
fn the_cache_is_bounded() {
    for _ in 0..3 {
        let buffers: Vec<_> = (0..12).map(|_| Buffer::<u64>::of_len(4 << 20).unwrap()).collect();
        drop(buffers);
        assert!(cached_bytes() <= MAX_KEPT_BYTES);
    }
    drop(Buffer::<u64>::of_len(MAX_KEPT_BYTES / 8 + 1).unwrap());
    assert!(cached_bytes() <= MAX_KEPT_BYTES);
}

#[test]
fn more_than_memory_is_an_error() {
    for len in [usize::MAX, usize::MAX / 8, isize::MAX as usize / 8] {
        assert!(matches!(Buffer::<u64>::of_len(len), Err(Error::Memory { .. })));
        assert!(matches!(zeroed::<f64>(len), Err(Error::Memory { .. })));
        assert!(matches!(Workspace::<f32>::new(len), Err(Error::Memory { .. })));
    }
}

#[test]
fn a_workspace_never_runs_out() {
    fn nested(workspace: &Workspace<f64>, depth: usize) {
        workspace.with_row(|row| {
            row.fill(depth as f64);
            if depth < 100 {
                nested(workspace, depth + 1);
            }
            assert_eq!(row, [depth as f64; 3], "a row is nobody else's while it is used");
        });
    }
    nested(&Workspace::new(3).unwrap(), 0);
}
