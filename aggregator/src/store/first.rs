//! `First`: the first few of many, in memory for only these.

use std::collections::BinaryHeap;

/// The items with the lowest ranks; those of equal rank in their own order.
pub(crate) struct First<R, T> {
    limit: usize,
    kept: BinaryHeap<(R, T)>,
}

impl<R: Ord, T: Ord> First<R, T> {
    /// At most `limit` items.
    pub fn new(limit: usize) -> Self {
        Self { limit, kept: BinaryHeap::new() }
    }

    /// Looks at an item. It is made only if its rank may be among the first.
    pub fn offer(&mut self, rank: R, item: impl FnOnce() -> T) {
        let is_full = self.kept.len() >= self.limit;
        if is_full && self.kept.peek().is_none_or(|(last, _)| rank > *last) {
            return;
        }
        self.kept.push((rank, item()));
        if self.kept.len() > self.limit {
            self.kept.pop();
        }
    }

    /// The first ones of these and others.
    pub fn or(mut self, others: Self) -> Self {
        for (rank, item) in others.kept {
            self.offer(rank, || item);
        }
        self
    }

    /// The first ones, in order.
    pub fn into_vec(self) -> Vec<T> {
        self.kept.into_sorted_vec().into_iter().map(|(_, item)| item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_ranks_are_kept_in_order() {
        let mut first = First::new(3);
        for (rank, item) in [(5, 'e'), (1, 'b'), (9, 'x'), (5, 'd'), (1, 'a'), (5, 'f'), (5, 'c')] {
            first.offer(rank, || item);
        }
        assert_eq!(first.into_vec(), ['a', 'b', 'c']);
        let mut none = First::new(0);
        none.offer(1, || 'a');
        assert!(none.into_vec().is_empty());
    }
}
