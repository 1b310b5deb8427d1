//! `Column`: like `Chunked`, for plain values: a chunk is one piece of memory, so that a look at a
//! value is one miss of the cache instead of two.

use std::sync::Arc;

use super::chunked::CHUNK_LEN;

/// The first chunk starts small, as most hours of most stores are.
const FIRST_CHUNK_LEN: usize = 8;

/// An append-only column whose snapshots are cheap and never hold up its writer.
#[derive(Clone, Debug)]
pub(super) struct Column<T> {
    chunks: Vec<Arc<[T]>>,
    len: usize,
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<T: Copy + Default> Column<T> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn get(&self, index: usize) -> Option<&T> {
        // Places of the last chunk that are not in use yet hold defaults.
        if index >= self.len {
            return None;
        }
        self.chunks.get(index / CHUNK_LEN)?.get(index % CHUNK_LEN)
    }

    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        if index >= self.len {
            return None;
        }
        Arc::make_mut(self.chunks.get_mut(index / CHUNK_LEN)?).get_mut(index % CHUNK_LEN)
    }

    pub fn push(&mut self, value: T) {
        let place = self.len % CHUNK_LEN;
        if place == 0 {
            let len = if self.len == 0 { FIRST_CHUNK_LEN } else { CHUNK_LEN };
            self.chunks.push(vec![T::default(); len].into());
        }
        let Some(chunk) = self.chunks.last_mut() else { return };
        if place == chunk.len() {
            let mut larger = chunk.to_vec();
            larger.resize((2 * place).min(CHUNK_LEN), T::default());
            *chunk = larger.into();
        }
        if let Some(slot) = Arc::make_mut(chunk).get_mut(place) {
            *slot = value;
            self.len += 1;
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter()).take(self.len)
    }

    /// The values, chunk by chunk.
    pub fn chunks(&self) -> impl Iterator<Item = &[T]> {
        let mut left = self.len;
        self.chunks.iter().map(move |chunk| {
            let used = chunk.get(..left.min(chunk.len())).unwrap_or_default();
            left -= used.len();
            used
        })
    }

    /// The memory that it takes.
    pub fn size_bytes(&self) -> usize {
        self.chunks.len() * CHUNK_LEN.min(self.len.next_power_of_two()) * size_of::<T>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_does_not_see_later_changes() {
        for len in [0, 1, 7, 8, 9, 100, CHUNK_LEN, CHUNK_LEN + 1, 3 * CHUNK_LEN + 5] {
            let mut numbers = Column::default();
            (0..len).for_each(|n| numbers.push(n));
            let snapshot = numbers.clone();
            for n in 0..len {
                *numbers.get_mut(n).unwrap() += 1;
            }
            numbers.push(0);
            assert_eq!((snapshot.len(), numbers.len()), (len, len + 1));
            assert!(snapshot.iter().copied().eq(0..len));
            assert!(snapshot.chunks().flatten().copied().eq(0..len));
            assert_eq!((snapshot.get(len), numbers.get(len)), (None, Some(&0)));
            assert_eq!(numbers.get(len + 1), None);
            assert_eq!(numbers.get_mut(len + 1), None);
            assert!(numbers.iter().copied().eq((1..=len).chain([0])));
        }
    }
}
