//! Threads started once; a measurement starts all of them at one moment and ends with the last one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::abort;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Instant;

/// What each thread does, told its number.
pub(crate) type Work = Arc<dyn Fn(usize) + Send + Sync>;

/// The calling thread and its helpers.
pub(crate) struct Team {
    helpers: Vec<Sender<Box<dyn FnOnce() + Send>>>,
}

impl Team {
    pub(crate) fn new(threads: usize) -> Self {
        let helpers = (1..threads)
            .map(|_| {
                let (sender, jobs) = channel::<Box<dyn FnOnce() + Send>>();
                thread::spawn(move || {
                    for job in jobs {
                        // The others spin until this thread comes to the meeting: it must not end alone.
                        if catch_unwind(AssertUnwindSafe(job)).is_err() {
                            abort();
                        }
                    }
                });
                sender
            })
            .collect();
        Self { helpers }
    }

    pub(crate) fn threads(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Seconds from the moment that `threads` threads are ready until the last one is done.
    pub(crate) fn seconds(&self, threads: usize, work: &Work) -> f64 {
        let meeting = Arc::new(Meeting { threads, arrived: AtomicUsize::new(0) });
        for (number, helper) in (1..threads).zip(&self.helpers) {
            let (meeting, work) = (Arc::clone(&meeting), Arc::clone(work));
            let job = move || {
                meeting.wait(1);
                work(number);
                meeting.wait(2);
            };
            helper.send(Box::new(job)).expect("helpers live as long as the team");
        }
        meeting.wait(1);
        let start = Instant::now();
        work(0);
        meeting.wait(2);
        start.elapsed().as_secs_f64()
    }
}

/// A barrier that spins: waking a sleeping thread takes longer than the smallest measurement.
struct Meeting {
    threads: usize,
    arrived: AtomicUsize,
}

impl Meeting {
    /// Waits until every thread has come here for the `time`-th time.
    fn wait(&self, time: usize) {
        self.arrived.fetch_add(1, Ordering::AcqRel);
        let mut spins = 0_u32;
        while self.arrived.load(Ordering::Acquire) < time * self.threads {
            spins += 1;
            if spins > 10_000 {
                thread::yield_now(); // more threads than cores
            }
            std::hint::spin_loop();
        }
    }
}
