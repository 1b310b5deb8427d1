//! What is to happen later, in order of virtual time, and of arrival within one instant.

use std::collections::BTreeMap;

use crate::{callouts::Answer, grpc::Reply};

/// A callback that falls due; `root` is the context of a root.
#[derive(Debug)]
pub(crate) enum Due {
    Tick(u32),
    QueueReady { root: u32, queue: u32 },
    Answer { root: u32, token: u32, answer: Answer },
    Grpc { token: u32, reply: Reply },
}

/// A callback for one VM of one thread.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) thread: usize,
    pub(crate) generation: u32,
    pub(crate) due: Due,
}

/// When a task is due; the second number keeps the order of arrival.
pub(crate) type Slot = (u64, u64);

#[derive(Debug, Default)]
pub(crate) struct Schedule {
    tasks: BTreeMap<Slot, Task>,
    last: u64,
}

impl Schedule {
    pub(crate) fn add(&mut self, at_ns: u64, task: Task) -> Slot {
        self.last += 1;
        self.tasks.insert((at_ns, self.last), task);
        (at_ns, self.last)
    }

    pub(crate) fn cancel(&mut self, slot: Slot) {
        self.tasks.remove(&slot);
    }

    /// When the earliest task is due.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        self.tasks.first_key_value().map(|((at_ns, _), _)| *at_ns)
    }

    /// Takes the earliest task that is due by then.
    pub(crate) fn take_until(&mut self, until_ns: u64) -> Option<(u64, Task)> {
        let ((at_ns, _), task) =
            self.tasks.first_entry().filter(|first| first.key().0 <= until_ns)?.remove_entry();
        Some((at_ns, task))
    }
}
