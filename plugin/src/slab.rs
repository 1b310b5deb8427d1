//! `Slab`: values under small numbers that are used again, so that a data callback finds its
//! stream without hashing.

/// The number of a value in its slab, until it is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(usize);

/// Values under small numbers.
#[derive(Debug)]
pub struct Slab<T> {
    values: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { values: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Puts a value in, under a number that no other value has.
    pub fn insert(&mut self, value: T) -> Slot {
        if let Some(index) = self.free.pop()
            && let Some(place) = self.values.get_mut(index)
        {
            *place = Some(value);
            return Slot(index);
        }
        self.values.push(Some(value));
        Slot(self.values.len() - 1)
    }

    /// The value under this number.
    pub fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.values.get_mut(slot.0)?.as_mut()
    }

    /// Takes a value out; its number may be used again.
    pub fn remove(&mut self, slot: Slot) -> Option<T> {
        let value = self.values.get_mut(slot.0)?.take()?;
        self.free.push(slot.0);
        Some(value)
    }

    /// All values, in no particular order.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.values.iter_mut().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_used_again_once_free() {
        let mut slab = Slab::default();
        let (a, b) = (slab.insert("a"), slab.insert("b"));
        assert_eq!(slab.remove(a), Some("a"));
        assert_eq!(slab.remove(a), None);
        let c = slab.insert("c");
        assert_eq!((c, slab.get_mut(b).copied()), (a, Some("b")));
        assert_eq!(slab.values_mut().count(), 2);
        assert_eq!(slab.values.len(), 2);
    }
}
