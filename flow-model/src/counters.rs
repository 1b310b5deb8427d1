//! `Counters`: the bytes of a flow in both directions, which never wrap.

use crate::limits::MAX_COUNTER;

/// Bytes moved from source to destination (`bytes_tx`) and back (`bytes_rx`), each from 0 to
/// [`MAX_COUNTER`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    bytes_tx: u64,
    bytes_rx: u64,
}

/// A counter that is, or would become, larger than [`MAX_COUNTER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} would exceed {MAX_COUNTER}")]
pub struct CounterError {
    /// `bytes_tx` or `bytes_rx`.
    pub field: &'static str,
}

impl Counters {
    /// No bytes.
    pub const ZERO: Self = Self { bytes_tx: 0, bytes_rx: 0 };

    /// Counters with these values, in bytes.
    ///
    /// # Errors
    /// When a value is larger than [`MAX_COUNTER`].
    pub fn new(bytes_tx: u64, bytes_rx: u64) -> Result<Self, CounterError> {
        Ok(Self {
            bytes_tx: in_range(bytes_tx, "bytes_tx")?,
            bytes_rx: in_range(bytes_rx, "bytes_rx")?,
        })
    }

    /// Bytes from source to destination.
    pub const fn bytes_tx(self) -> u64 {
        self.bytes_tx
    }

    /// Bytes from destination to source.
    pub const fn bytes_rx(self) -> u64 {
        self.bytes_rx
    }

    /// Both directions together; twice [`MAX_COUNTER`] fits.
    pub const fn bytes_total(self) -> u64 {
        self.bytes_tx + self.bytes_rx
    }

    /// Whether there are no bytes at all.
    pub const fn is_zero(self) -> bool {
        self.bytes_tx == 0 && self.bytes_rx == 0
    }

    /// The sums of the two, direction by direction.
    ///
    /// # Errors
    /// When a sum is larger than [`MAX_COUNTER`].
    pub fn checked_add(self, other: Self) -> Result<Self, CounterError> {
        // Two values of at most 2^63-1 cannot wrap a u64.
        Self::new(self.bytes_tx + other.bytes_tx, self.bytes_rx + other.bytes_rx)
    }

    /// The larger of the two, direction by direction.
    pub fn max(self, other: Self) -> Self {
        Self {
            bytes_tx: self.bytes_tx.max(other.bytes_tx),
            bytes_rx: self.bytes_rx.max(other.bytes_rx),
        }
    }
}

fn in_range(value: u64, field: &'static str) -> Result<u64, CounterError> {
    if value <= MAX_COUNTER { Ok(value) } else { Err(CounterError { field }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_stop_at_the_limit() {
        let almost = Counters::new(MAX_COUNTER - 1, 0).unwrap();
        let one = Counters::new(1, 1).unwrap();
        let full = almost.checked_add(one).unwrap();
        assert_eq!((full.bytes_tx(), full.bytes_rx()), (MAX_COUNTER, 1));
        assert_eq!(full.checked_add(one), Err(CounterError { field: "bytes_tx" }));
        let rx = Counters::new(0, MAX_COUNTER).unwrap();
        assert_eq!(rx.checked_add(one), Err(CounterError { field: "bytes_rx" }));
        assert_eq!(rx.checked_add(full), Err(CounterError { field: "bytes_rx" }));
        assert_eq!(full.max(rx), Counters::new(MAX_COUNTER, MAX_COUNTER).unwrap());
        assert_eq!(full.max(rx).bytes_total(), 2 * MAX_COUNTER);
    }

    #[test]
    fn values_beyond_the_limit_are_refused() {
        assert_eq!(Counters::new(0, MAX_COUNTER + 1), Err(CounterError { field: "bytes_rx" }));
        assert_eq!(Counters::new(u64::MAX, 0), Err(CounterError { field: "bytes_tx" }));
    }
}
