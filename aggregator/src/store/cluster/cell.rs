//! The numbers that are stored: the counters of a flow, and the totals of an hour.

use flow_model::Counters;

use crate::store::{Sides, Totals};

/// Counters as big-endian integers of eight bytes: what the source reported, sent and received,
/// and what the destination reported, if it has reported anything.
pub(super) fn encode_sides(sides: &Sides) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(32);
    let both = [sides.source, sides.destination];
    let count = if sides.destination == Counters::default() { 1 } else { 2 };
    for side in both.iter().take(count) {
        bytes.extend_from_slice(&side.bytes_tx().to_be_bytes());
        bytes.extend_from_slice(&side.bytes_rx().to_be_bytes());
    }
    bytes
}

/// The counters of a flow; none if they are damaged.
pub(super) fn decode_sides(bytes: &[u8]) -> Option<Sides> {
    let counters = |bytes: &[u8]| -> Option<Counters> {
        let (tx, rx) = bytes.split_first_chunk::<8>()?;
        Counters::new(u64::from_be_bytes(*tx), u64::from_be_bytes(rx.try_into().ok()?)).ok()
    };
    match bytes.len() {
        16 => Some(Sides { source: counters(bytes)?, ..Sides::default() }),
        32 => {
            let (source, destination) = bytes.split_at(16);
            Some(Sides { source: counters(source)?, destination: counters(destination)? })
        }
        _ => None,
    }
}

/// The totals of an hour in a shard: three big-endian integers, of 6, 12 and 12 bytes.
pub(super) fn decode_totals(bytes: &[u8]) -> Option<Totals> {
    let integer = |bytes: &[u8]| bytes.iter().fold(0_u128, |n, byte| n << 8 | u128::from(*byte));
    let (flows, sums) = bytes.split_at_checked(6)?;
    let (tx, rx) = sums.split_at_checked(12).filter(|(_, rx)| rx.len() == 12)?;
    Some(Totals {
        flows: u64::try_from(integer(flows)).ok()?,
        bytes_tx: integer(tx),
        bytes_rx: integer(rx),
    })
}

#[cfg(test)]
mod tests {
    use flow_model::limits::MAX_COUNTER;

    use super::*;

    #[test]
    fn counters_come_back_as_they_were() {
        let counters = |tx, rx| Counters::new(tx, rx).unwrap();
        let none = Counters::default();
        for (source, destination, len) in [
            (none, none, 16),
            (counters(1, MAX_COUNTER), none, 16),
            (none, counters(MAX_COUNTER, 0), 32),
            (counters(258, 3), counters(0, 1), 32),
        ] {
            let sides = Sides { source, destination };
            let bytes = encode_sides(&sides);
            assert_eq!((bytes.len(), decode_sides(&bytes)), (len, Some(sides)));
        }
        assert_eq!(
            encode_sides(&Sides { source: counters(258, 0), destination: none })[..8],
            [0, 0, 0, 0, 0, 0, 1, 2]
        );
    }

    #[test]
    fn what_is_damaged_is_not_a_number() {
        assert_eq!(decode_sides(&[0; 15]), None);
        assert_eq!(decode_sides(&[0xFF; 16]), None, "beyond the range");
        assert_eq!(decode_totals(&[0; 29]), None);
        assert_eq!(decode_totals(&[]), None);
    }

    #[test]
    fn totals_are_wider_than_counters() {
        let mut bytes = vec![0, 0, 0, 0, 1, 0];
        bytes.extend_from_slice(&[0xFF; 12]);
        bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
        let totals = Totals { flows: 256, bytes_tx: (1 << 96) - 1, bytes_rx: 7 };
        assert_eq!(decode_totals(&bytes), Some(totals));
    }
}
