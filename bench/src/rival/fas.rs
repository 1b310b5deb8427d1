//! fas among the others.

use super::{CONNECTIONS, Contender, RECORDS_PER_REQUEST};
use crate::encode::write_request;
use crate::failure::Result;
use crate::fas::Fas;
use crate::load::{Load, closed_loop, lanes};
use crate::record::Record;
use crate::tally::Tally;

impl Contender for Fas {
    fn name(&self) -> String {
        "fas".to_owned()
    }

    fn pid(&self) -> u32 {
        Self::pid(self)
    }

    fn add(&mut self, hour: u32, records: &[Record]) -> Result<Load> {
        let requests = records.chunks(RECORDS_PER_REQUEST).map(|part| write_request(part, hour));
        closed_loop(self.address(), &lanes(requests, CONNECTIONS))
    }

    fn tally(&self, hour: u32) -> Result<Tally> {
        Self::tally(self, hour)
    }
}
