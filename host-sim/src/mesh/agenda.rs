//! What is to happen to one sidecar, in order of virtual time, and of arrival within one instant.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Something that is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// A VM starts.
    Start,
    /// A request or a connection begins; the number tells draws of an earlier rate apart.
    Arrive(u32),
    /// It is answered; the number is that of the stream.
    Answer(u32),
    /// Bytes move on a long one.
    Move(u32),
    /// A burst begins or ends.
    Burst,
    /// The sidecar cannot reach the receiver for so many nanoseconds.
    Partition(u64),
    /// Nobody can, until then.
    Outage(u64),
    /// The sidecar ends without notice.
    Kill,
    /// It ends as by SIGTERM.
    Terminate,
    /// It is drained.
    Drain,
    /// It has had its time to drain.
    Deadline,
}

/// The agenda of a sidecar.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    entries: BinaryHeap<Reverse<(u64, u64, What)>>,
    last: u64,
}

impl Agenda {
    pub(super) fn add(&mut self, at_ns: u64, what: What) {
        self.last += 1;
        self.entries.push(Reverse((at_ns, self.last, what)));
    }

    pub(super) fn next_ns(&self) -> Option<u64> {
        self.entries.peek().map(|Reverse((at_ns, ..))| *at_ns)
    }

    pub(super) fn take(&mut self) -> Option<(u64, What)> {
        self.entries.pop().map(|Reverse((at_ns, _, what))| (at_ns, what))
    }

    /// Forgets what is to happen to a VM; outages happen to whoever is there.
    pub(super) fn forget_vm(&mut self) {
        self.entries.retain(|Reverse((_, _, what))| matches!(what, What::Outage(_)));
    }
}
