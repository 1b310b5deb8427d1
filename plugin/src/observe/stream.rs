//! `Stream`: the bytes of one connection or request that are not in the table yet, and what is
//! known of the two ends.

use flow_model::{Counters, Hour, Reporter};

use super::redelivery::Watch;
use crate::identity::{Attributes, Findings, Identity, SharedName, View};
use crate::limits::MAX_TRIES;
use crate::table::{SharedKey, Table};

/// Bytes in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// From source to destination.
    Tx(u64),
    /// From destination to source.
    Rx(u64),
}

impl Moved {
    /// How many.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Tx(bytes) | Self::Rx(bytes) => bytes,
        }
    }

    fn counters(self) -> Option<Counters> {
        match self {
            Self::Tx(bytes) => Counters::new(bytes, 0).ok(),
            Self::Rx(bytes) => Counters::new(0, bytes).ok(),
        }
    }
}

/// One connection or request.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The request's headers that sources name.
    pub headers: Vec<(String, SharedName)>,
    /// Of a connection: whether its source's bytes are delivered again.
    pub watch: Watch,
    ends: Ends,
    bytes: Hourly,
}

/// What is known of the two ends.
#[derive(Debug, Default)]
enum Ends {
    /// There were no bytes yet.
    #[default]
    Fresh,
    /// The stream is not of a side that is reported.
    Ignored,
    /// Some source of a name may still come up with it.
    Sought(Sought),
    /// Nothing will change any more.
    Known(Reporter, SharedKey),
}

#[derive(Debug)]
struct Sought {
    side: Reporter,
    findings: Findings,
    tries_tx: u8,
    tries_rx: u8,
    held_since_ms: u64,
}

impl Stream {
    /// Whether there were no bytes yet.
    pub fn is_fresh(&self) -> bool {
        matches!(self.ends, Ends::Fresh)
    }

    /// Whether the stream does not count.
    pub fn is_ignored(&self) -> bool {
        matches!(self.ends, Ends::Ignored)
    }

    /// Takes the stream's side, and whether streams of this side count.
    pub fn start(&mut self, side: Reporter, counts: bool) {
        self.ends = if counts {
            Ends::Sought(Sought {
                side,
                findings: Findings::default(),
                tries_tx: 0,
                tries_rx: 0,
                held_since_ms: 0,
            })
        } else {
            Ends::Ignored
        };
    }

    /// Adds bytes to their hour, and returns how many had to be given up because they do not fit.
    pub fn add(&mut self, hour: Hour, moved: Moved, steady_ms: u64) -> u64 {
        if let Ends::Sought(sought) = &mut self.ends
            && self.bytes.is_empty()
        {
            sought.held_since_ms = steady_ms;
        }
        let Some(counters) = moved.counters() else { return moved.bytes() };
        let sum = self.bytes.of(hour);
        match sum.checked_add(counters) {
            Ok(total) => {
                *sum = total;
                0
            }
            Err(_) => moved.bytes(),
        }
    }

    /// Looks for the peer, as long as there are tries left. Each direction has its own: before
    /// the first answer, a long upload would use them all up.
    pub fn look(&mut self, identity: &mut Identity, attributes: &dyn Attributes, moved: Moved) {
        let Ends::Sought(sought) = &mut self.ends else { return };
        let tries = match moved {
            Moved::Tx(_) => &mut sought.tries_tx,
            Moved::Rx(_) => &mut sought.tries_rx,
        };
        if *tries >= MAX_TRIES {
            return;
        }
        *tries += 1;
        let exhausted = sought.tries_tx.min(sought.tries_rx) >= MAX_TRIES;
        self.find(identity, attributes, exhausted);
    }

    /// Looks for the peer for the last time.
    pub fn settle(&mut self, identity: &mut Identity, attributes: &dyn Attributes) {
        self.find(identity, attributes, true);
    }

    fn find(&mut self, identity: &mut Identity, attributes: &dyn Attributes, last: bool) {
        let Ends::Sought(sought) = &mut self.ends else { return };
        let is_answered = sought.tries_rx > 0;
        let view = View { attributes, side: sought.side, is_answered, headers: &self.headers };
        identity.find(&mut sought.findings, &view);
        if last || sought.findings.iter().all(|finding| finding.is_certain()) {
            self.ends = Ends::Known(sought.side, identity.key_of(&sought.findings));
            self.headers = Vec::new();
        }
    }

    /// Whether the stream holds bytes for an unknown peer, and has not done so for too long.
    pub fn is_held_at_most(&self, hold_ms: u64, steady_ms: u64) -> bool {
        match &self.ends {
            Ends::Sought(sought) => {
                !self.bytes.is_empty() && steady_ms.saturating_sub(sought.held_since_ms) < hold_ms
            }
            _ => false,
        }
    }

    /// The bytes that are not in the table yet.
    pub fn bytes_total(&self) -> u64 {
        self.bytes.total()
    }

    /// Moves the bytes into the table, under what is known of the ends now.
    pub fn flush(&mut self, identity: &mut Identity, table: &mut Table) {
        if self.bytes.is_empty() {
            return;
        }
        let (side, key) = match &self.ends {
            Ends::Known(side, key) => (*side, key),
            Ends::Sought(sought) => (sought.side, &identity.key_of(&sought.findings)),
            Ends::Fresh | Ends::Ignored => return,
        };
        for (hour, counters) in self.bytes.take() {
            table.add(side, hour, key, counters);
        }
    }
}

/// Bytes hour by hour: nearly always of one hour, of two around the full hour.
#[derive(Debug, Default)]
struct Hourly {
    last: Option<(Hour, Counters)>,
    earlier: Vec<(Hour, Counters)>,
}

impl Hourly {
    fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    fn total(&self) -> u64 {
        self.earlier.iter().chain(&self.last).map(|(_, counters)| counters.bytes_total()).sum()
    }

    /// The sum of an hour, which is 0 at first.
    fn of(&mut self, hour: Hour) -> &mut Counters {
        if self.last.is_some_and(|(last, _)| last != hour) {
            let place = self.earlier.iter().position(|(known, _)| *known == hour);
            let found = place.map(|place| self.earlier.swap_remove(place));
            self.earlier.extend(std::mem::replace(&mut self.last, found));
        }
        &mut self.last.get_or_insert((hour, Counters::ZERO)).1
    }

    fn take(&mut self) -> impl Iterator<Item = (Hour, Counters)> {
        self.earlier.drain(..).chain(self.last.take())
    }
}
