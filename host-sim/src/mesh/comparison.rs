//! Compares what moved with what was pushed, and what was pushed with what the receiver says it has:
//! row by row, to the byte.

use super::{
    accounts::Accounts,
    ledger::{Bytes, Row, Totals},
    population::Population,
};

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The plugin did not push what moved, though it had the time, or had vouched for it.
    NotPushed,
    /// The plugin pushed more than moved.
    PushedTooMuch,
    /// The plugin pushed bytes under names that its sidecar does not have.
    StrangeNames,
    /// The receiver says that it has less than it has accepted.
    ReceiverLacks,
    /// The receiver says that it has more than it has accepted.
    ReceiverHasMore,
}

impl Cause {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NotPushed => "moved and was not pushed",
            Self::PushedTooMuch => "was pushed and never moved",
            Self::StrangeNames => "was pushed under names that the sidecar does not have",
            Self::ReceiverLacks => "was accepted by the receiver, which does not have it",
            Self::ReceiverHasMore => "is with the receiver, and was never pushed to it",
        }
    }
}

/// A row that is not as it should be, and by how many bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Difference {
    /// What is wrong.
    pub cause: Cause,
    /// With which row.
    #[serde(flatten)]
    pub row: Row,
    /// From source to destination.
    pub bytes_tx: u64,
    /// Back.
    pub bytes_rx: u64,
}

/// What is compared.
pub(super) struct Books {
    pub(super) sent: Totals,
    pub(super) accepted: Totals,
    pub(super) received: Totals,
    pub(super) killed: Totals,
    pub(super) doubtful: Totals,
    missing: Totals,
    excess: Totals,
    strange: Totals,
}

impl Books {
    pub(super) fn of(accounts: &Accounts, population: &Population, received: Totals) -> Self {
        Self {
            sent: accounts.sent.named(population),
            accepted: accounts.accepted.named(population),
            received,
            killed: accounts.killed.named(population),
            doubtful: accounts.doubtful.named(population),
            missing: accounts.missing.named(population),
            excess: accounts.excess.named(population),
            strange: accounts.strange.clone(),
        }
    }

    /// All that is not as it should be.
    pub(super) fn differences(&self) -> Vec<Difference> {
        let mut found = Vec::new();
        let mut all = |cause, totals: &Totals| {
            for (row, bytes) in totals {
                push(&mut found, cause, row, *bytes);
            }
        };
        all(Cause::NotPushed, &self.missing);
        all(Cause::PushedTooMuch, &self.excess);
        all(Cause::StrangeNames, &self.strange);
        let of = |totals: &Totals, row: &Row| totals.get(row).copied().unwrap_or_default();
        let rows = self.accepted.keys().chain(self.strange.keys()).chain(self.received.keys());
        let rows: std::collections::BTreeSet<&Row> = rows.collect();
        for row in rows {
            let mut least = of(&self.accepted, row);
            least += of(&self.strange, row);
            let mut most = least;
            most += of(&self.doubtful, row);
            let received = of(&self.received, row);
            push(&mut found, Cause::ReceiverLacks, row, least.less(received));
            push(&mut found, Cause::ReceiverHasMore, row, received.less(most));
        }
        found.sort();
        found
    }
}

fn push(found: &mut Vec<Difference>, cause: Cause, row: &Row, bytes: Bytes) {
    if !bytes.is_zero() {
        let row = row.clone();
        found.push(Difference { cause, row, bytes_tx: bytes.tx, bytes_rx: bytes.rx });
    }
}

/// How many rows, and all their bytes.
pub(super) fn sum(totals: &Totals) -> (usize, Bytes) {
    let mut sum = Bytes::default();
    totals.values().for_each(|bytes| sum += *bytes);
    (totals.len(), sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(rows: &[(u32, u64, u64)]) -> Totals {
        let row = |hour| Row {
            hour,
            source: "a".to_owned(),
            destination: "b".to_owned(),
            network: "n".to_owned(),
        };
        rows.iter().map(|(hour, tx, rx)| (row(*hour), Bytes { tx: *tx, rx: *rx })).collect()
    }

    fn books(accepted: &[(u32, u64, u64)], received: &[(u32, u64, u64)]) -> Books {
        Books {
            sent: totals(accepted),
            accepted: totals(accepted),
            received: totals(received),
            killed: Totals::new(),
            doubtful: Totals::new(),
            missing: Totals::new(),
            excess: Totals::new(),
            strange: Totals::new(),
        }
    }

    fn found(books: &Books) -> Vec<(Cause, u32, u64, u64)> {
        let found = books.differences().into_iter();
        found.map(|it| (it.cause, it.row.hour, it.bytes_tx, it.bytes_rx)).collect()
    }

    #[test]
    fn equal_books_have_no_difference() {
        assert_eq!(found(&books(&[(1, 2, 3)], &[(1, 2, 3)])), []);
    }

    #[test]
    fn one_byte_in_either_direction_or_hour_is_found() {
        let lacks = books(&[(1, 2, 3), (2, 1, 1)], &[(1, 2, 2), (2, 1, 1)]);
        assert_eq!(found(&lacks), [(Cause::ReceiverLacks, 1, 0, 1)]);
        let more = books(&[(1, 2, 3)], &[(1, 3, 3), (7, 0, 1)]);
        let expected = [(Cause::ReceiverHasMore, 1, 1, 0), (Cause::ReceiverHasMore, 7, 0, 1)];
        assert_eq!(found(&more), expected);
        // A byte in the wrong hour is missing in one and too much in the other.
        let moved = books(&[(1, 2, 0)], &[(1, 1, 0), (2, 1, 0)]);
        let expected = [(Cause::ReceiverLacks, 1, 1, 0), (Cause::ReceiverHasMore, 2, 1, 0)];
        assert_eq!(found(&moved), expected);
    }

    #[test]
    fn what_is_in_doubt_may_be_there_or_not() {
        for (tx, expected) in [(2, 0), (5, 0), (1, 1), (6, 1)] {
            let mut books = books(&[(1, 2, 0)], &[(1, tx, 0)]);
            books.doubtful = totals(&[(1, 3, 0)]);
            assert_eq!(books.differences().len(), expected, "{tx}");
        }
    }
}
