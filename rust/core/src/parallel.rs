//! The thread pool, how work is cut, and what happens after a fork.
//!
//! Work is cut into parts by the data alone, never by the number of threads, and a part writes rows of its own, so
//! results are the same bits for any number of threads. The calling thread works too: a pool for `n` threads holds
//! `n - 1` workers, made on first use. Small work never wakes them.

use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::Error;
use crate::rows::RowsMut;

/// Below this many bytes of memory traffic a call stays on its thread: waking a worker costs 10 to 50 microseconds, in
/// which one core moves a megabyte or two out of its caches. Measured with rows of 300 float32: with 1,000 ids (2.4 MB)
/// two threads are slower than one, with 2,000 faster. Tests cut and share even the smallest work.
const MIN_PARALLEL_BYTES: usize = if cfg!(test) { 1 } else { 4 << 20 };

/// Memory traffic of one part: many parts for the threads to share evenly, each long beside the cost of claiming it.
pub(crate) const PART_BYTES: usize = if cfg!(test) { 1 << 10 } else { 256 << 10 };

/// Most threads that can be asked for.
pub const MAX_THREADS: usize = 1024;

/// 0: not set yet.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Threads used by the kernels.
pub fn num_threads() -> usize {
    match THREADS.load(Ordering::Relaxed) {
        0 => {
            // Asked once: on Linux the answer is read from files of the control group, at 28 µs a time.
            let available = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
            match THREADS.compare_exchange(0, available, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => available,
                Err(set_meanwhile) => set_meanwhile,
            }
        }
        threads => threads,
    }
}

/// Uses `threads` threads from the next call on.
///
/// # Errors
/// If that is 0 or more than `MAX_THREADS`.
pub fn set_num_threads(threads: i128) -> Result<(), Error> {
    if let Ok(threads @ 1..=MAX_THREADS) = usize::try_from(threads) {
        THREADS.store(threads, Ordering::Relaxed);
        return Ok(());
    }
    let wanted = "a whole number from 1 to 1024";
    Err(Error::Number { what: "the number of threads", got: threads as f64, wanted })
}

/// How a table is cut into parts of consecutive rows.
#[derive(Clone, Copy)]
pub(crate) enum Cuts<'a> {
    /// Parts of so many rows, the last one shorter.
    Every(usize),
    /// Part `p` starts at row `starts[p]` and ends where the next one starts; starts never fall.
    At(&'a [usize]),
}

impl Cuts<'_> {
    fn parts(&self, rows: usize) -> usize {
        match self {
            Self::Every(step) => rows.div_ceil((*step).max(1)),
            Self::At(starts) => starts.len(),
        }
    }

    fn range(&self, part: usize, rows: usize) -> std::ops::Range<usize> {
        match self {
            Self::Every(step) => part * step..((part + 1) * step).min(rows),
            Self::At(starts) => starts[part]..starts.get(part + 1).copied().unwrap_or(rows),
        }
    }
}

/// Cuts `count` items into parts of about `step` units of work; `start(i)` is the work before item `i`, ascending.
pub(crate) fn even_cuts(count: usize, step: usize, start: impl Fn(usize) -> usize) -> Vec<usize> {
    let step = step.max(1);
    let mut cuts = vec![0];
    while let Some(&from) = cuts.last() {
        let wanted = start(from) + step;
        let (mut low, mut high) = (from + 1, count);
        while low < high {
            let middle = usize::midpoint(low, high);
            if start(middle) < wanted { low = middle + 1 } else { high = middle }
        }
        if low >= count {
            break;
        }
        cuts.push(low);
    }
    cuts
}

/// Runs `body(part, first row, the part's rows of each table)` for every part, on as many threads as `bytes` of
/// traffic deserve.
///
/// # Panics
/// If the tables have different numbers of rows, or the starts fall or leave the rows.
pub(crate) fn for_each_part<T: Send + Sync, const N: usize>(
    tables: &mut [RowsMut<'_, T>; N],
    cuts: Cuts<'_>,
    bytes: usize,
    body: impl Fn(usize, usize, [RowsMut<'_, T>; N]) + Sync,
) {
    let rows = tables[0].rows();
    assert!(tables.iter().all(|table| table.rows() == rows), "tables of one parameter have the same rows");
    if let Cuts::At(starts) = cuts {
        assert!(starts.is_sorted() && starts.last().is_none_or(|&last| last <= rows), "cuts ascend within the rows");
    }
    let tables = &*tables;
    for_each_index(cuts.parts(rows), bytes, |part| {
        let range = cuts.range(part, rows);
        let first = range.start;
        // SAFETY: for_each_index hands out each part once, parts are disjoint ranges of rows (starts ascend), and the
        // tables stay mutably borrowed by our caller until all parts are done.
        body(part, first, std::array::from_fn(|i| unsafe { tables[i].part(range.clone()) }));
    });
}

/// Runs `body` once for each index below `count`, on as many threads as `bytes` of traffic deserve.
pub(crate) fn for_each_index(count: usize, bytes: usize, body: impl Fn(usize) + Sync) {
    let threads = num_threads();
    if threads.min(count) <= 1 || bytes < MIN_PARALLEL_BYTES {
        (0..count).for_each(body);
        return;
    }
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                break;
            }
            body(index);
        }
    };
    match workers(threads - 1) {
        Some(pool) => pool.in_place_scope(|scope| {
            for _ in 1..threads.min(count) {
                scope.spawn(|_| work());
            }
            work();
        }),
        None => work(),
    }
}

/// Runs `body(index, job)` once for each job, on as many threads as `bytes` of traffic deserve. Jobs may own what they
/// change.
pub(crate) fn for_each_job<J: Send>(jobs: impl Iterator<Item = J>, bytes: usize, body: impl Fn(usize, J) + Sync) {
    if num_threads() <= 1 || bytes < MIN_PARALLEL_BYTES {
        jobs.enumerate().for_each(|(index, job)| body(index, job));
        return;
    }
    let jobs: Vec<_> = jobs.map(|job| Mutex::new(Some(job))).collect();
    for_each_index(jobs.len(), bytes, |index| {
        if let Some(job) = jobs[index].lock().unwrap_or_else(PoisonError::into_inner).take() {
            body(index, job);
        }
    });
}

/// So many workers beside the calling thread, or None where the system refuses to start them.
fn workers(wanted: usize) -> Option<Arc<ThreadPool>> {
    static POOL: PerProcess<Mutex<Option<Arc<ThreadPool>>>> = PerProcess::new();
    let mut pool = POOL.get(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if pool.as_ref().is_none_or(|pool| pool.current_num_threads() != wanted) {
        let name = |index| format!("finevec-{index}");
        *pool = ThreadPoolBuilder::new().num_threads(wanted).thread_name(name).build().ok().map(Arc::new);
    }
    pool.clone()
}

/// How often this process is a forked child.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// Counts forks from now on. Asked for at import, so that no thread is amid its first call when a fork comes.
pub fn watch_forks() {
    #[cfg(unix)]
    {
        extern "C" fn count_fork() {
            FORKS.fetch_add(1, Ordering::SeqCst);
        }
        static WATCHING: AtomicBool = AtomicBool::new(false);
        if !WATCHING.swap(true, Ordering::SeqCst) {
            // SAFETY: the handler only adds to an atomic, which is safe in a freshly forked child.
            let failed = unsafe { libc::pthread_atfork(None, None, Some(count_fork)) } != 0;
            WATCHING.store(!failed, Ordering::SeqCst);
        }
    }
}

/// A value made on first use in each process.
///
/// Threads do not survive a fork, and a lock may be held by one of them at that moment. So a forked child makes a
/// value of its own and forgets the one it inherited.
pub struct PerProcess<T: 'static> {
    current: AtomicPtr<Instance<T>>,
}

struct Instance<T> {
    forks: u64,
    value: T,
}

impl<T: Send + Sync> Default for PerProcess<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Send + Sync> PerProcess<T> {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self { current: AtomicPtr::new(std::ptr::null_mut()) }
    }

    /// This process's value.
    pub fn get(&'static self, make: impl FnOnce() -> T) -> &'static T {
        let forks = FORKS.load(Ordering::SeqCst);
        let current = self.current.load(Ordering::Acquire);
        // SAFETY: a non-null pointer came from Box::into_raw below and is never freed.
        if let Some(instance) = unsafe { current.as_ref() }
            && instance.forks == forks
        {
            return &instance.value;
        }
        watch_forks();
        let fresh = Box::into_raw(Box::new(Instance { forks, value: make() }));
        match self.current.compare_exchange(current, fresh, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: `fresh` was just made and is published, never to be freed.
            Ok(_) => unsafe { &(*fresh).value },
            Err(other) => {
                // SAFETY: `fresh` was not published, so it is ours to free; `other` was, and is never freed.
                unsafe {
                    drop(Box::from_raw(fresh));
                    &(*other).value
                }
            }
        }
    }
}
