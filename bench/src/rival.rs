//! What takes part in the comparison: fas itself, and what a user would otherwise pick.

mod fas;
pub mod postgres;
pub mod redis;

use crate::failure::{Failure, Result};
use crate::load::Load;
use crate::record::Record;
use crate::tally::Tally;

/// Records a request has, for everyone.
pub const RECORDS_PER_REQUEST: usize = 100;

/// Connections that each is given.
pub const CONNECTIONS: usize = 16;

/// A running server that adds records up.
pub trait Contender {
    /// What it is, for the table.
    fn name(&self) -> String;

    /// Its process, whose descendants count too.
    fn pid(&self) -> u32;

    /// Adds records to an hour over [`CONNECTIONS`] connections. What can be prepared is, before
    /// the time counts.
    fn add(&mut self, hour: u32, records: &[Record]) -> Result<Load>;

    /// What an hour holds.
    fn tally(&self, hour: u32) -> Result<Tally>;

    /// Fails unless an hour holds `expected`: everyone has to do the same work.
    fn expect(&self, hour: u32, expected: &Tally) -> Result<()> {
        let found = self.tally(hour)?;
        if found == *expected {
            return Ok(());
        }
        let name = self.name();
        Err(Failure::new(format!("{name} holds {found}, not the {expected} that were written")))
    }
}

/// When a write reaches the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Before it is acknowledged.
    Always,
    /// Within about a second: what was acknowledged may be lost.
    EverySecond,
}
