//! `Contexts`: the roots of this VM and their streams, under the numbers that Envoy gives them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::root::Root;
use crate::filter::Filter;
use crate::slab::Slot;

/// All contexts of the VM.
#[derive(Default)]
pub(super) struct Contexts {
    /// Few: one for each configuration.
    roots: Vec<(u32, Root)>,
    streams: HashMap<u32, Stream, BuildHasherDefault<Spread>>,
}

/// A connection or request: a number in its root's filter.
#[derive(Clone, Copy)]
struct Stream {
    root: u32,
    slot: Slot,
}

thread_local! {
    static CONTEXTS: RefCell<Contexts> = RefCell::default();
}

/// Runs `action` on the contexts; none if the host calls while it is being called. A count that
/// cannot be made must not stop the bytes.
fn with<T>(action: impl FnOnce(&mut Contexts) -> T) -> Option<T> {
    CONTEXTS.with(|contexts| Some(action(&mut *contexts.try_borrow_mut().ok()?)))
}

/// Takes a new context in: a root, or a stream of one.
pub(super) fn create(context: u32, root: u32) {
    with(|contexts| {
        if root == 0 {
            contexts.roots.push((context, Root::default()));
        } else if let Some(slot) = contexts.filter(root).and_then(Filter::open) {
            contexts.streams.insert(context, Stream { root, slot });
        }
    });
}

/// Runs `action` on a root.
pub(super) fn with_root<T>(context: u32, action: impl FnOnce(&mut Root) -> T) -> Option<T> {
    with(|contexts| contexts.root(context).map(action)).flatten()
}

/// Runs `action` on a stream and its filter.
pub(super) fn with_stream(context: u32, action: impl FnOnce(&mut Filter, Slot)) {
    with(|contexts| {
        if let Some(stream) = contexts.streams.get(&context).copied()
            && let Some(filter) = contexts.filter(stream.root)
        {
            action(filter, stream.slot);
        }
    });
}

/// Takes a stream out, and runs `action` on its filter. Returns whether there was such a stream.
pub(super) fn end_stream(context: u32, action: impl FnOnce(&mut Filter, Slot)) -> bool {
    with(|contexts| {
        let stream = contexts.streams.remove(&context);
        if let Some(stream) = stream
            && let Some(filter) = contexts.filter(stream.root)
        {
            action(filter, stream.slot);
        }
        stream.is_some()
    })
    .unwrap_or(false)
}

/// Forgets a root that has nothing left to do.
pub(super) fn forget(context: u32) {
    with(|contexts| contexts.roots.retain(|(id, _)| *id != context));
}

impl Contexts {
    fn root(&mut self, context: u32) -> Option<&mut Root> {
        let (_, root) = self.roots.iter_mut().find(|(id, _)| *id == context)?;
        Some(root)
    }

    fn filter(&mut self, root: u32) -> Option<&mut Filter> {
        self.root(root)?.filter_mut()
    }
}

/// A hash for Envoy's numbers, which count up: nobody chooses them.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        // Fibonacci hashing: 2^64 divided by the golden ratio, and the upper half of it.
        let product = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ (product >> 32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
