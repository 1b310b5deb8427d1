//! Who moved how many bytes to whom: what the mesh sends, what of it the receiver has accepted, and
//! what went with a VM that was killed.

use std::{collections::BTreeMap, ops::AddAssign};

use super::oracle::Push;

/// Bytes in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Bytes {
    /// From source to destination.
    pub tx: u64,
    /// Back.
    pub rx: u64,
}

impl AddAssign for Bytes {
    fn add_assign(&mut self, other: Self) {
        self.tx = self.tx.saturating_add(other.tx);
        self.rx = self.rx.saturating_add(other.rx);
    }
}

impl Bytes {
    /// Both directions together.
    #[must_use]
    pub fn sum(self) -> u64 {
        self.tx.saturating_add(self.rx)
    }

    /// What is left in each direction when `other` is taken away; nothing where that is more.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self { tx: self.tx.saturating_sub(other.tx), rx: self.rx.saturating_sub(other.rx) }
    }

    /// Whether there is nothing in either direction.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }
}

/// What is counted by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Row {
    /// Hours since the Unix epoch.
    pub hour: u32,
    /// The app that opened the connection, or sent the request.
    pub source: String,
    /// The app that was called.
    pub destination: String,
    /// The network of the source.
    pub network: String,
}

/// Bytes by row.
pub type Totals = BTreeMap<Row, Bytes>;

/// What one VM has moved: by hour and the number of the destination.
pub(super) type Sums = BTreeMap<(u32, u32), Bytes>;

/// Bytes that moved at a time, in milliseconds by the sidecar's clock.
struct Moved {
    at_ms: u64,
    key: (u32, u32),
    bytes: Bytes,
}

/// The books of one VM.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) sent: Sums,
    pub(super) accepted: Sums,
    /// What moved since the last push for which the plugin vouches.
    recent: Vec<Moved>,
    sender: String,
    last_number: u64,
    /// A push of which nobody knows whether it has arrived.
    doubtful: Option<(u64, Sums)>,
    /// What was accepted under names that the VM does not have.
    pub(super) strange: Totals,
    pub(super) given_up_bytes: u64,
}

/// What of a VM's traffic the receiver does not have, or has too much of, once the VM is gone.
#[derive(Default)]
pub(super) struct Remains {
    /// What is missing, all of which moved after the last push for which the plugin vouched.
    pub(super) recent: Sums,
    /// What is missing although the plugin had vouched for it.
    pub(super) missing: Sums,
    /// What was accepted and never moved.
    pub(super) excess: Sums,
    /// What the receiver may have, or not.
    pub(super) doubtful: Sums,
}

impl Ledger {
    /// Bytes move.
    pub(super) fn moved(&mut self, at_ms: u64, key: (u32, u32), bytes: Bytes) {
        *self.sent.entry(key).or_default() += bytes;
        self.recent.push(Moved { at_ms, key, bytes });
    }

    /// The receiver has accepted a push, perhaps again. `destination` gives the number of a row's
    /// destination, if the row is one of this sidecar.
    pub(super) fn accept(
        &mut self,
        push: &Push<'_>,
        destination: impl Fn(&super::oracle::PushedRow<'_>) -> Option<u32>,
    ) {
        if push.sender != self.sender {
            self.sender = push.sender.clone().into_owned();
            self.last_number = 0;
        }
        if self.doubtful.as_ref().is_some_and(|(number, _)| *number <= push.number) {
            self.doubtful = None;
        }
        if push.number <= self.last_number {
            return;
        }
        self.last_number = push.number;
        self.given_up_bytes = self.given_up_bytes.saturating_add(push.given_up_bytes);
        // What moves in the same millisecond may have come before or after.
        self.recent.retain(|moved| moved.at_ms >= push.complete_until_ms);
        for row in &push.rows {
            match destination(row) {
                Some(number) => {
                    *self.accepted.entry((row.hour, number)).or_default() += row.bytes;
                }
                None => {
                    let row_of = Row {
                        hour: row.hour,
                        source: row.source.clone().into_owned(),
                        destination: row.destination.clone().into_owned(),
                        network: row.network.clone().into_owned(),
                    };
                    *self.strange.entry(row_of).or_default() += row.bytes;
                }
            }
        }
    }

    /// A push may have arrived, or not.
    pub(super) fn doubt(
        &mut self,
        push: &Push<'_>,
        destination: impl Fn(&super::oracle::PushedRow<'_>) -> Option<u32>,
    ) {
        if push.number <= self.last_number {
            return;
        }
        let rows = push.rows.iter();
        let sums = rows.filter_map(|row| Some(((row.hour, destination(row)?), row.bytes)));
        self.doubtful = Some((push.number, sums.collect()));
    }

    /// Closes the books.
    pub(super) fn remains(&self) -> Remains {
        let mut recent = Sums::new();
        for moved in &self.recent {
            *recent.entry(moved.key).or_default() += moved.bytes;
        }
        let mut remains = Remains::default();
        for (key, sent) in &self.sent {
            let accepted = self.accepted.get(key).copied().unwrap_or_default();
            let lacking = sent.less(accepted);
            let may_lack = recent.get(key).copied().unwrap_or_default();
            let explained = lacking.less(lacking.less(may_lack));
            put(&mut remains.recent, *key, explained);
            put(&mut remains.missing, *key, lacking.less(explained));
        }
        for (key, accepted) in &self.accepted {
            let sent = self.sent.get(key).copied().unwrap_or_default();
            put(&mut remains.excess, *key, accepted.less(sent));
        }
        if let Some((_, sums)) = &self.doubtful {
            remains.doubtful.clone_from(sums);
        }
        remains
    }
}

fn put(sums: &mut Sums, key: (u32, u32), bytes: Bytes) {
    if !bytes.is_zero() {
        *sums.entry(key).or_default() += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::oracle::PushedRow;

    fn push(number: u64, complete_until_ms: u64, rows: &[(u32, u64, u64)]) -> Push<'static> {
        let rows = rows.iter().map(|(hour, tx, rx)| PushedRow {
            hour: *hour,
            source: "a".into(),
            destination: "b".into(),
            network: "n".into(),
            bytes: Bytes { tx: *tx, rx: *rx },
        });
        let rows = rows.collect();
        Push { sender: "s".into(), number, complete_until_ms, given_up_bytes: 0, rows }
    }

    const ONE: fn(&PushedRow<'_>) -> Option<u32> = |_| Some(1);

    fn bytes(tx: u64, rx: u64) -> Bytes {
        Bytes { tx, rx }
    }

    #[test]
    fn a_push_that_comes_again_counts_once() {
        let mut ledger = Ledger::default();
        ledger.moved(5, (7, 1), bytes(10, 20));
        for _ in 0..2 {
            ledger.accept(&push(1, 10, &[(7, 10, 20)]), ONE);
        }
        let remains = ledger.remains();
        assert!(remains.recent.is_empty() && remains.missing.is_empty());
        assert!(remains.excess.is_empty());
    }

    #[test]
    fn what_moved_after_the_last_push_may_be_missing_and_nothing_else() {
        let mut ledger = Ledger::default();
        ledger.moved(5, (7, 1), bytes(10, 0));
        ledger.moved(11, (7, 1), bytes(3, 0));
        ledger.accept(&push(1, 10, &[(7, 10, 0)]), ONE);
        assert_eq!(ledger.remains().recent, Sums::from([((7, 1), bytes(3, 0))]));
        // The plugin vouches for all, and has pushed too little.
        ledger.accept(&push(2, 20, &[]), ONE);
        let remains = ledger.remains();
        assert!(remains.recent.is_empty());
        assert_eq!(remains.missing, Sums::from([((7, 1), bytes(3, 0))]));
    }

    #[test]
    fn what_never_moved_is_too_much() {
        let mut ledger = Ledger::default();
        ledger.moved(5, (7, 1), bytes(10, 5));
        ledger.accept(&push(1, 10, &[(7, 12, 5), (8, 1, 0)]), ONE);
        let excess = ledger.remains().excess;
        assert_eq!(excess, Sums::from([((7, 1), bytes(2, 0)), ((8, 1), bytes(1, 0))]));
    }

    #[test]
    fn a_doubt_ends_with_the_receipt() {
        let mut ledger = Ledger::default();
        ledger.moved(5, (7, 1), bytes(10, 5));
        ledger.doubt(&push(1, 10, &[(7, 10, 5)]), ONE);
        assert_eq!(ledger.remains().doubtful.len(), 1);
        ledger.accept(&push(1, 10, &[(7, 10, 5)]), ONE);
        assert!(ledger.remains().doubtful.is_empty());
        // A late doubt about what is known to be there is none.
        ledger.doubt(&push(1, 10, &[(7, 10, 5)]), ONE);
        assert!(ledger.remains().doubtful.is_empty());
    }
}
