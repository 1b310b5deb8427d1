//! What an hour holds in all: how many flows, and how many bytes. It reads JSON of any size
//! piece by piece, and knows only the names of this bench, which have no quotes or braces.

use std::collections::HashSet;
use std::fmt;

use crate::record::Record;

/// A number of flows, and their bytes.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    flows: u64,
    bytes_tx: Sum,
    bytes_rx: Sum,
}

impl Tally {
    /// That many flows, without bytes.
    pub fn of(flows: u64) -> Self {
        Self { flows, ..Self::default() }
    }

    /// What an hour holds after each of these records has been written so many times.
    pub fn after<'a>(written: impl IntoIterator<Item = (&'a Record, u64)>) -> Self {
        let mut tally = Self::default();
        let mut keys = HashSet::new();
        for (record, times) in written.into_iter().filter(|(_, times)| *times > 0) {
            tally.add(record, times);
            keys.insert(record.key);
        }
        Self { flows: keys.len() as u64, ..tally }
    }

    /// These figures.
    pub fn of_sums(flows: u64, bytes_tx: u128, bytes_rx: u128) -> Self {
        let sum = |total| Sum { total, ..Sum::default() };
        Self { flows, bytes_tx: sum(bytes_tx), bytes_rx: sum(bytes_rx) }
    }

    /// How many flows there are.
    pub fn flows(&self) -> u64 {
        self.flows
    }

    /// Adds a record's bytes, `times` over.
    pub fn add(&mut self, record: &Record, times: u64) {
        self.bytes_tx.total += u128::from(record.bytes_tx) * u128::from(times);
        self.bytes_rx.total += u128::from(record.bytes_rx) * u128::from(times);
    }

    /// Adds what another holds.
    pub fn join(&mut self, other: &Self) {
        let (flows, tx, rx) = other.figures();
        self.flows += flows;
        self.bytes_tx.total += tx;
        self.bytes_rx.total += rx;
    }

    /// Takes the next piece of a JSON answer.
    pub fn take(&mut self, piece: &[u8]) {
        for byte in piece {
            self.flows += u64::from(*byte == b'{');
            self.bytes_tx.take(*byte, b"\"bytes_tx\":");
            self.bytes_rx.take(*byte, b"\"bytes_rx\":");
        }
    }

    fn figures(&self) -> (u64, u128, u128) {
        (self.flows, self.bytes_tx.total(), self.bytes_rx.total())
    }
}

impl PartialEq for Tally {
    fn eq(&self, other: &Self) -> bool {
        self.figures() == other.figures()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (flows, tx, rx) = self.figures();
        write!(formatter, "{flows} flows with {tx} + {rx} bytes")
    }
}

/// The sum of the numbers that follow a field's name.
#[derive(Clone, Debug, Default)]
struct Sum {
    total: u128,
    /// How much of the name has been seen.
    matched: usize,
    number: u128,
}

impl Sum {
    fn take(&mut self, byte: u8, name: &[u8]) {
        match name.get(self.matched) {
            Some(expected) if *expected == byte => self.matched += 1,
            // The name's first character is a quote, and so is the only one it can start at.
            Some(_) => self.matched = usize::from(byte == b'"'),
            None if byte.is_ascii_digit() => {
                self.number = self.number * 10 + u128::from(byte - b'0');
            }
            None => {
                self.total += std::mem::take(&mut self.number);
                self.matched = usize::from(byte == b'"');
            }
        }
    }

    /// With the number that has begun.
    fn total(&self) -> u128 {
        self.total + self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Key;

    #[test]
    fn pieces_of_any_size_give_the_same() {
        let json = br#"[{"src_app":"tx","bytes_tx":12,"bytes_rx":5},{"bytes_rx":7,"bytes_tx":30}]"#;
        let key = Key { source: 0, destination: 0 };
        let mut expected = Tally::of(2);
        expected.add(&Record { key, bytes_tx: 21, bytes_rx: 6 }, 2);
        for size in 1..json.len() {
            let mut tally = Tally::default();
            json.chunks(size).for_each(|piece| tally.take(piece));
            assert_eq!(tally, expected, "pieces of {size}");
        }
    }
}
