//! `Chunked`: an append-only vector whose snapshots are cheap and never hold up its writer.
//!
//! Elements live in chunks behind `Arc`s. A snapshot clones the `Arc`s; the writer copies a chunk
//! before changing it only while a snapshot still holds it.

use std::sync::Arc;

/// The elements of a chunk: small enough to copy, large enough that a snapshot of a million
/// elements is a few thousand pointers.
pub(super) const CHUNK_LEN: usize = 256;

#[derive(Clone, Debug)]
pub(super) struct Chunked<T> {
    chunks: Vec<Arc<Vec<T>>>,
}

impl<T> Default for Chunked<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T: Clone> Chunked<T> {
    pub fn len(&self) -> usize {
        let full = self.chunks.len().saturating_sub(1) * CHUNK_LEN;
        full + self.chunks.last().map_or(0, |chunk| chunk.len())
    }

    pub fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index / CHUNK_LEN)?.get(index % CHUNK_LEN)
    }

    pub fn push(&mut self, value: T) {
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK_LEN => Arc::make_mut(chunk).push(value),
            _ => self.chunks.push(Arc::new(vec![value])),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_does_not_see_later_changes() {
        let mut numbers = Chunked::default();
        for n in 0..CHUNK_LEN + 5 {
            numbers.push(n);
        }
        let snapshot = numbers.clone();
        numbers.push(7);
        assert_eq!(snapshot.len(), CHUNK_LEN + 5);
        assert!(snapshot.iter().copied().eq(0..CHUNK_LEN + 5));
        assert_eq!((numbers.get(3), numbers.len()), (Some(&3), CHUNK_LEN + 6));
        assert_eq!(numbers.get(CHUNK_LEN + 6), None);
    }
}
