//! An hour with many flows, as it stands before something else is measured.

use std::sync::Barrier;
use std::sync::Mutex;
use std::time::Instant;

use crate::encode::write_request;
use crate::failure::{Failure, Result};
use crate::fas::Fas;
use crate::http::Connection;
use crate::latency::Latencies;
use crate::load::{Load, in_parallel};
use crate::record::{Keys, Record, each_key_once};
use crate::tally::Tally;

const CONNECTIONS: u64 = 16;

/// Larger requests than elsewhere: how it got there is not what is measured.
const RECORDS_PER_REQUEST: usize = 1_000;

/// Writes a record of each key, made on the way, and gives what the hour then holds.
pub fn fill(fas: &Fas, hour: u32, keys: Keys) -> Result<(Load, Tally)> {
    let tally = Mutex::new(Tally::of(keys.count()));
    let clients = (0..CONNECTIONS).map(|share| {
        let tally = &tally;
        move |start: &Barrier| {
            let connection = Connection::open(fas.address());
            start.wait();
            let (latencies, sent) = write_share(connection?, hour, keys, share)?;
            if let Ok(mut tally) = tally.lock() {
                tally.join(&sent);
            }
            Ok(latencies)
        }
    });
    let load = in_parallel(clients.collect())?;
    let tally = tally.into_inner().map_err(|_| Failure::new("a client panicked"))?;
    Ok((load, tally))
}

fn write_share(
    mut connection: Connection,
    hour: u32,
    keys: Keys,
    share: u64,
) -> Result<(Latencies, Tally)> {
    let mut latencies = Latencies::default();
    let mut tally = Tally::default();
    let mut records = each_key_once(keys, share, CONNECTIONS);
    loop {
        let part: Vec<Record> = records.by_ref().take(RECORDS_PER_REQUEST).collect();
        if part.is_empty() {
            return Ok((latencies, tally));
        }
        let request = write_request(&part, hour);
        let begin = Instant::now();
        let status = connection.send(&request)?.status;
        if status != 200 {
            return Err(Failure::new(format!("a write was answered with {status}")));
        }
        latencies.push(begin.elapsed());
        part.iter().for_each(|record| tally.add(record, 1));
    }
}
