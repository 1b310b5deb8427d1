//! How many bytes a host keeps for its guests: it ends a guest that would fill the memory of whoever
//! runs it. A callback is bounded by its fuel; this bounds what callbacks leave behind in all.

use std::{cell::Cell, rc::Rc};

/// What a thing takes beside its own bytes: its place in a table, and what allocations cost.
pub(crate) const OVERHEAD_BYTES: usize = 128;

/// A sum of bytes, to which all count who have a copy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept(Rc<Cell<u64>>);

impl Kept {
    /// A thing of this size is kept from now on.
    pub(crate) fn add(&self, bytes: usize) {
        self.0.set(self.0.get().saturating_add(size(bytes)));
    }

    /// The bytes in all.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.get()
    }
}

/// The size of a thing, with what it takes beside its bytes.
pub(crate) fn size(bytes: usize) -> u64 {
    bytes.saturating_add(OVERHEAD_BYTES) as u64
}

/// A part of the sum, which goes with whom it belongs to.
#[derive(Debug, Default)]
pub(crate) struct Share {
    kept: Kept,
    bytes: u64,
}

impl Share {
    pub(crate) fn of(kept: &Kept) -> Self {
        Self { kept: kept.clone(), bytes: 0 }
    }

    /// One more thing of this size is kept.
    pub(crate) fn add(&mut self, bytes: usize) {
        self.kept.add(bytes);
        self.bytes = self.bytes.saturating_add(size(bytes));
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.kept.0.set(self.kept.0.get().saturating_sub(self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_goes_with_its_owner() {
        let kept = Kept::default();
        kept.add(1);
        let mut share = Share::of(&kept);
        share.add(1000);
        assert_eq!(kept.bytes(), 1001 + 2 * OVERHEAD_BYTES as u64);
        drop(share);
        assert_eq!(kept.bytes(), size(1));
    }
}
