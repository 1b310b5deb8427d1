//! Twice the capacity, offered for 20 seconds: latency and memory stay bounded, what is too much
//! is refused with 503, and all that was acknowledged is there, once.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Setting;
use crate::encode::write_request;
use crate::failure::{Failure, Result};
use crate::fas::Fas;
use crate::load::{closed_loop, lanes};
use crate::open_loop::{Offer, Outcome, most_connections, offer};
use crate::record::{Keys, Record, random_records};
use crate::report::{Figure, Report, megabytes, millis, rate};
use crate::tally::Tally;
use crate::usage;

/// The capacity is measured in one hour, the overload in another.
const CAPACITY_HOUR: u32 = 490_000;
const HOUR: u32 = 490_001;

const KEYS: Keys = Keys { sources: 100, destinations: 100 };
const RECORDS: u64 = 1_000_000;
const RECORDS_PER_REQUEST: usize = 100;
const CAPACITY_CONNECTIONS: usize = 64;

/// As many as it takes to go on offering while earlier requests wait.
const CONNECTIONS: usize = 7_000;

const TIME: Duration = Duration::from_secs(20);

/// Measures the capacity, and offers twice as much.
pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    let records: Vec<Record> = random_records(KEYS, RECORDS).collect();
    let requests = |hour| -> Vec<Vec<u8>> {
        records.chunks(RECORDS_PER_REQUEST).map(|part| write_request(part, hour)).collect()
    };
    let fas = Fas::start(&setting.fas)?;
    let sent = requests(CAPACITY_HOUR);
    let load = closed_loop(fas.address(), &lanes(sent, CAPACITY_CONNECTIONS))?;
    let capacity = rate(RECORDS / RECORDS_PER_REQUEST as u64, load.wall);
    let how = format!(
        "closed loop, {CAPACITY_CONNECTIONS} connections, {RECORDS_PER_REQUEST} records a request"
    );
    report.add(Figure::of("capacity", capacity, "requests/s").how(how));
    usage::settled_cpu(fas.pid())?;
    usage::reset_peak(fas.pid())?;

    let connections = CONNECTIONS.min(most_connections()?);
    let time = if setting.quick { TIME / 5 } else { TIME };
    let twice = Offer { rate: 2.0 * capacity, connections, time };
    let (outcome, cpu) = fas.cpu_of(|| offer(fas.address(), &requests(HOUR), twice))?;
    tell(twice, &outcome, cpu, report)?;
    let peak = megabytes(usage::peak_bytes(fas.pid())?);
    report.add(Figure::of("the most memory under overload", peak, "MB").how("VmHWM"));
    let faults = outcome.faults.load(Ordering::Relaxed);
    if faults > 0 {
        return Err(Failure::new(format!("{faults} requests had neither 200 nor 503 as answer")));
    }
    fas.expect(HOUR, &expected(&records, &outcome))?;
    report.add(Figure::new("every acknowledged record is there, once", "yes"));
    Ok(())
}

fn tell(twice: Offer, outcome: &Outcome, cpu: Duration, report: &mut Report) -> Result<()> {
    let (accepted, refused) = (outcome.accepted_count(), outcome.refused.load(Ordering::Relaxed));
    let how = format!(
        "{:.0}/s were due on {} connections for {:.0} s; a client that still waits sends nothing; \
         fas took {:.1} cores",
        twice.rate,
        twice.connections,
        twice.time.as_secs_f64(),
        cpu.as_secs_f64() / outcome.wall.as_secs_f64()
    );
    let answered = rate(accepted + refused, outcome.wall);
    report.add(Figure::of("requests under overload", answered, "/s").how(how));
    report.add(Figure::of("accepted of these", rate(accepted, outcome.wall), "/s"));
    let share = 100.0 * refused as f64 / (accepted + refused).max(1) as f64;
    report.add(Figure::of("refused of these, with 503 and retry-after", share, "%"));
    let mut latencies =
        outcome.accepted.lock().map_err(|_| Failure::new("a client panicked"))?.clone();
    for (name, share) in [("median", 0.5), ("p99", 0.99), ("the longest", 1.0)] {
        let latency = millis(latencies.quantile(share));
        let what = format!("latency of the accepted under overload, {name}");
        report.add(Figure::of(what, latency, "ms").how("from sending to the answer"));
    }
    Ok(())
}

/// What the acknowledged requests add up to.
fn expected(records: &[Record], outcome: &Outcome) -> Tally {
    let parts = records.chunks(RECORDS_PER_REQUEST).zip(&outcome.acknowledged);
    Tally::after(parts.flat_map(|(part, count)| {
        let times = count.load(Ordering::Relaxed);
        part.iter().map(move |record| (record, times))
    }))
}
