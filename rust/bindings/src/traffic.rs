//! Who is reading and writing: calls on the same memory wait for one another.

use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use finevec_core::parallel::PerProcess;

/// Does a call only read an array, or write it?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// The memory of one array, for overlap and for waiting.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    pub(crate) bytes: Range<usize>,
    pub(crate) access: Access,
}

impl Region {
    pub(crate) fn conflicts(&self, other: &Self) -> bool {
        (self.access == Access::Write || other.access == Access::Write)
            && self.bytes.start < other.bytes.end
            && other.bytes.start < self.bytes.end
    }
}

/// Calls that are under way.
#[derive(Default)]
struct Traffic {
    under_way: Mutex<Vec<(u64, Vec<Region>)>>,
    changed: Condvar,
}

static TRAFFIC: PerProcess<Traffic> = PerProcess::new();

impl Traffic {
    fn lock(&self) -> MutexGuard<'_, Vec<(u64, Vec<Region>)>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The proof that no other call of ours writes what this one reads or touches what it writes. Ends when dropped.
pub(crate) struct Pass {
    door: u64,
    ticket: u64,
    traffic: &'static Traffic,
}

impl Pass {
    /// Waits until no other call writes these regions or reads those of them that are to be written.
    pub(crate) fn wait_for(door: u64, regions: Vec<Region>) -> Self {
        let traffic = TRAFFIC.get(Traffic::default);
        let mut under_way = traffic.lock();
        let blocked = |under_way: &[(u64, Vec<Region>)]| {
            under_way.iter().flat_map(|(_, others)| others).any(|other| regions.iter().any(|own| own.conflicts(other)))
        };
        while blocked(&under_way) {
            under_way = traffic.changed.wait(under_way).unwrap_or_else(PoisonError::into_inner);
        }
        let ticket = under_way.iter().map(|(ticket, _)| ticket + 1).max().unwrap_or(0);
        under_way.push((ticket, regions));
        Self { door, ticket, traffic }
    }
}

impl Pass {
    /// Refuses an array that another door opened: its memory is not covered.
    pub(crate) fn expect_door(&self, door: u64) {
        assert_eq!(self.door, door, "views are made with the pass of the door that opened them");
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.traffic.lock().retain(|(ticket, _)| *ticket != self.ticket);
        self.traffic.changed.notify_all();
    }
}
