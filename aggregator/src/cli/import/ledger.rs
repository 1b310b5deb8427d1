//! `Ledger`: what an import has done so far, in memory that does not grow with it.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::chunk::Chunk;
use crate::limits::CHUNK_RECORDS;

/// What the server says about a chunk that it has.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub(super) struct Receipt {
    /// Its flows.
    pub accepted: u64,
    /// Those among them whose hours are no longer kept.
    #[serde(default)]
    pub expired: u64,
    /// Whether the server had the chunk before.
    #[serde(skip)]
    pub is_replay: bool,
}

/// The chunks that the server has.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// All chunks before this one are there.
    complete: u64,
    /// Those that are there beyond: no more than were in flight at once.
    beyond: BTreeSet<u64>,
    imported: u64,
    expired: u64,
    replays: u64,
}

impl Ledger {
    /// Notes a chunk.
    pub fn note(&mut self, chunk: &Chunk, receipt: Receipt) {
        self.beyond.insert(chunk.index);
        while self.beyond.remove(&self.complete) {
            self.complete += 1;
        }
        if receipt.is_replay {
            self.replays += 1;
        } else {
            self.imported += receipt.accepted;
            self.expired += receipt.expired;
        }
    }

    /// Flows that this import has added.
    pub fn imported(&self) -> u64 {
        self.imported
    }

    /// What is said when all is done.
    pub fn closing_line(&self) -> String {
        let expired = match self.expired {
            0 => String::new(),
            expired => format!(", {expired} of them for hours that are no longer kept"),
        };
        format!(
            "imported {} flows ({} chunks were there already){expired}",
            self.imported, self.replays
        )
    }

    /// What is there when an import stops before its end, and how to go on.
    pub fn standing(&self) -> String {
        let mut parts = Vec::new();
        match self.complete {
            0 => {}
            1 => parts.push("chunk 0".to_owned()),
            complete => parts.push(format!("chunks 0 to {}", complete - 1)),
        }
        parts.extend(self.beyond.iter().map(|index| format!("chunk {index}")));
        if parts.is_empty() {
            return "nothing is imported".to_owned();
        }
        // What is taken out would move the chunks that are there already to other flows.
        let how = if self.beyond.is_empty() { "" } else { " with as many records as now" };
        format!(
            "{} of {CHUNK_RECORDS} flows each are imported, and nothing else: import it \
             again{how}, and they are not added twice",
            parts.join(" and ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(ledger: &mut Ledger, index: u64, is_replay: bool) {
        let chunk = Chunk { index, ..Chunk::default() };
        ledger.note(&chunk, Receipt { accepted: 1_000, expired: 10 * index, is_replay });
    }

    #[test]
    fn chunks_that_come_out_of_order_are_all_known() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.standing(), "nothing is imported");
        for index in [2, 0, 1, 4, 6] {
            note(&mut ledger, index, false);
        }
        assert!(ledger.standing().starts_with("chunks 0 to 2 and chunk 4 and chunk 6 of 1000"));
        assert!(ledger.standing().contains("as many records"), "{}", ledger.standing());
        note(&mut ledger, 3, false);
        note(&mut ledger, 5, false);
        assert!(ledger.standing().starts_with("chunks 0 to 6 of 1000"), "{}", ledger.standing());
        assert!(ledger.beyond.is_empty());
    }

    #[test]
    fn what_was_there_before_is_not_imported() {
        let mut ledger = Ledger::default();
        note(&mut ledger, 0, true);
        note(&mut ledger, 1, false);
        assert_eq!(
            ledger.closing_line(),
            "imported 1000 flows (1 chunks were there already), 10 of them for hours that are no \
             longer kept"
        );
    }
}
