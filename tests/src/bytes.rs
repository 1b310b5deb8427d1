//! Bytes between two apps, in the two directions.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

/// Payload bytes of requests, connections or flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes {
    /// From source to destination.
    pub tx: u64,
    /// Back from destination to source.
    pub rx: u64,
}

impl Bytes {
    /// `tx` bytes there, and `rx` bytes back.
    pub fn new(tx: usize, rx: usize) -> Self {
        Self { tx: tx as u64, rx: rx as u64 }
    }
}

impl Add for Bytes {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { tx: self.tx + other.tx, rx: self.rx + other.rx }
    }
}

impl AddAssign for Bytes {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Bytes {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}
