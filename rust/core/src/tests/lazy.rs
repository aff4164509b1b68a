//! Arrays that cost memory where they are written.

use std::sync::{Mutex, PoisonError};

use crate::element::Element;
use crate::error::Error;
use crate::lazy::LazyArray;

/// The system joins neighbouring maps of zeros, so tests that make and count them take turns.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> impl Drop {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lengths around the size up to which memory is ordinary, and around whole patterns and pages.
const LENS: [usize; 9] = [0, 1, 1000, 1 << 18, (1 << 18) + 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1025, 3_000_001];

fn reads_as_one_value<T: Element>(value: T) {
    let bytes = |values: &[T]| bytemuck::cast_slice::<T, u8>(values).to_vec();
    for len in LENS {
        let mut array = LazyArray::full(len, value).unwrap();
        let mut wanted = vec![value; len];
        assert!(bytes(&array) == bytes(&wanted), "{len} elements");
        for i in (0..len).step_by(100_003).chain(len.checked_sub(1)) {
            array[i] = T::from_f64(i as f64 + 1.0);
            wanted[i] = T::from_f64(i as f64 + 1.0);
        }
        assert!(bytes(&array) == bytes(&wanted), "{len} elements, some of them written");
    }
}

#[test]
fn it_reads_as_one_value_until_written() {
    let _turn = turn();
    for value in [0.0, -0.0, 0.1, f64::INFINITY] {
        reads_as_one_value::<f32>(value as f32);
        reads_as_one_value::<f64>(value);
    }
}

#[test]
fn two_arrays_of_one_value_are_apart() {
    let _turn = turn();
    let [mut one, two] = [(); 2].map(|()| LazyArray::full(1 << 20, 0.5_f32).unwrap());
    one.fill(2.0);
    assert!(two.iter().all(|&value| value == 0.5));
    assert!(LazyArray::full(1 << 20, 0.5_f32).unwrap().iter().all(|&value| value == 0.5));
}

#[test]
fn more_than_memory_is_an_error() {
    let _turn = turn();
    for value in [0.0, 0.1] {
        for len in [usize::MAX, usize::MAX / 8, isize::MAX as usize / 8, 1 << 57] {
            assert!(matches!(LazyArray::<f64>::full(len, value), Err(Error::Memory { .. })));
        }
    }
}

#[cfg(target_os = "linux")]
mod pages {
    use std::fs;
    use std::ops::Range;

    use super::*;

    /// KiB of private memory, and number of maps, within these addresses.
    fn private_memory(addresses: Range<usize>) -> (usize, usize) {
        let (mut inside, mut kib, mut maps) = (false, 0, 0);
        for line in fs::read_to_string("/proc/self/smaps").unwrap().lines() {
            let (first, rest) = line.split_once([' ', ':']).unwrap();
            if let Some((start, _)) = first.split_once('-') {
                inside = addresses.contains(&usize::from_str_radix(start, 16).unwrap());
                maps += usize::from(inside);
            } else if inside && first == "Anonymous" {
                kib += rest.trim().trim_end_matches(" kB").parse::<usize>().unwrap();
            }
        }
        (kib, maps)
    }

    fn addresses<T: Element>(array: &LazyArray<T>) -> Range<usize> {
        let range = array.as_ptr_range();
        range.start.addr()..range.end.addr()
    }

    #[test]
    fn untouched_pages_cost_nothing_and_none_is_left() {
        let _turn = turn();
        for value in [0.0, 0.1] {
            let mut array = LazyArray::<f64>::full((3 << 30) / 8, value).unwrap();
            assert_eq!(private_memory(addresses(&array)).0, 0);
            assert_eq!(array.iter().step_by(1_000_000).filter(|&&found| found != value).count(), 0);
            assert_eq!(private_memory(addresses(&array)).0, 0);
            for i in 0..100 {
                array[i * 4_000_000] = 1.0;
            }
            let (kib, maps) = private_memory(addresses(&array));
            // Pages are 4 KiB, or on some machines 16 or 64.
            assert!((400..=6400).contains(&kib), "{kib} KiB for 100 pages");
            assert!(maps <= 1024, "{maps} maps");
            let range = addresses(&array);
            drop(array);
            // Other tests may be given the addresses at once, but hardly in so many maps.
            let maps = private_memory(range).1;
            assert!(maps < 100, "{maps} maps after the array is gone");
        }
    }
}
