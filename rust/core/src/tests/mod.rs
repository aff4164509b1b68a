//! One battery, run over every level, element type and number of threads, against an oracle in double precision.

mod bag;
mod coalesce;
mod exp;
mod gates;
mod gates_refused;
mod group;
mod ids;
mod inputs;
mod lazy;
mod lookup;
mod ngram;
mod optim;
mod oracle;
mod parallel;
mod rows;
mod scratch;
mod stream;

use std::sync::{Mutex, PoisonError};

use crate::parallel::{num_threads, set_num_threads};
use crate::simd::Level;

/// Dims on either side of every vector width, and the usual ones.
const DIMS: [usize; 12] = [1, 3, 7, 8, 15, 16, 17, 31, 33, 50, 100, 300];

/// Levels and threads are set for the whole process, so tests that set them take turns.
static SETTINGS: Mutex<()> = Mutex::new(());

/// Runs `work` at every level with 1 and with 3 threads; all must give the same.
fn at_every_setting<R: PartialEq + std::fmt::Debug>(work: impl Fn() -> R) -> R {
    let _turn = SETTINGS.lock().unwrap_or_else(PoisonError::into_inner);
    let (level, threads) = (Level::current(), num_threads());
    let mut results = Vec::new();
    for level in Level::available() {
        level.force();
        for threads in [1, 3] {
            set_num_threads(threads).unwrap();
            results.push((format!("{} with {threads} threads", level.name()), work()));
        }
    }
    level.force();
    set_num_threads(threads as i128).unwrap();
    let (first_name, first) = results.remove(0);
    for (name, result) in results {
        assert!(result == first, "{name} differs from {first_name}");
    }
    first
}

/// Half the distance from 1 to the next number: the largest relative error of one operation.
trait Rounding {
    const UNIT: f64;
}

impl Rounding for f32 {
    const UNIT: f64 = f32::EPSILON as f64 / 2.0;
}

impl Rounding for f64 {
    const UNIT: f64 = f64::EPSILON / 2.0;
}
