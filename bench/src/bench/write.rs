//! `POST /flows`: 100 records a request over 16 connections, each answered when it is durable.

use super::Setting;
use crate::encode::write_request;
use crate::failure::Result;
use crate::fas::Fas;
use crate::load::{closed_loop, lanes};
use crate::record::{Keys, NAME_LENGTH, Record, random_records};
use crate::report::{Figure, Report, micros_each, millis, rate, short};
use crate::tally::Tally;

const HOUR: u32 = 490_000;
const RECORDS: u64 = 3_000_000;
const RECORDS_PER_REQUEST: usize = 100;
const CONNECTIONS: usize = 16;

const FEW_KEYS: Keys = Keys { sources: 100, destinations: 100 };
const MANY_KEYS: Keys = Keys { sources: 1_000, destinations: 1_000 };

/// The goal, in us of CPU time per record.
const GOAL_MICROS: f64 = 0.5;

/// Over few keys and over many.
pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    measure(setting, report, FEW_KEYS)?;
    measure(setting, report, MANY_KEYS)
}

fn measure(setting: &Setting, report: &mut Report, keys: Keys) -> Result<()> {
    let label = format!("{} keys", short(keys.count()));
    let count = setting.scale(RECORDS);
    let records: Vec<Record> = random_records(keys, count).collect();
    let requests = records.chunks(RECORDS_PER_REQUEST).map(|part| write_request(part, HOUR));
    let lanes = lanes(requests, CONNECTIONS);
    let fas = Fas::start(&setting.fas)?;
    let (mut load, cpu) = fas.cpu_of(|| closed_loop(fas.address(), &lanes))?;
    fas.expect(HOUR, &Tally::after(records.iter().map(|record| (record, 1))))?;

    let how = format!(
        "{} records over {}, names of {NAME_LENGTH} characters, {RECORDS_PER_REQUEST} a \
         request, {CONNECTIONS} connections",
        short(count),
        keys.describe()
    );
    let each = micros_each(cpu, count);
    let what = format!("CPU of fas per record, {label}");
    report.add(Figure::at_most(what, each, GOAL_MICROS, "us").how(how));
    report.add(Figure::of(format!("records, {label}"), rate(count, load.wall), "/s"));
    for (name, share) in [("median", 0.5), ("p99", 0.99)] {
        let latency = millis(load.latencies.quantile(share));
        report.add(Figure::of(format!("latency of a write, {label}, {name}"), latency, "ms"));
    }
    Ok(())
}
