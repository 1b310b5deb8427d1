//! Reads of an hour with 1 million flows, while writes to it go on.

use std::time::{Duration, Instant};

use super::Setting;
use crate::dataset::fill;
use crate::encode::{get_request, write_request};
use crate::failure::{Failure, Result};
use crate::fas::Fas;
use crate::http::Connection;
use crate::latency::Latencies;
use crate::pace::PacedWriter;
use crate::record::{Keys, Record, app, random_records};
use crate::report::{Figure, Report, megabytes, millis, short};
use crate::usage;

const HOUR: u32 = 490_000;

/// The paced writer: 200 requests/s of 100 records.
const WRITE_INTERVAL: Duration = Duration::from_millis(5);
const RECORDS_PER_REQUEST: usize = 100;
const WRITER_RECORDS: u64 = 100_000;

/// A query is repeated for this long, and at least this often.
const TIME_PER_QUERY: Duration = Duration::from_secs(5);
const LEAST_ROUNDS: usize = 5;

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

/// A query, and what its median should be.
struct Query {
    what: &'static str,
    path: String,
    accept: &'static str,
    goal_millis: Option<f64>,
}

/// Each query by itself, with the writer beside it.
pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    let keys = Keys { sources: setting.scale(1_000), destinations: 1_000 };
    let fas = Fas::start(&setting.fas)?;
    fill(&fas, HOUR, keys)?;
    usage::settled_cpu(fas.pid())?;
    report.add(
        Figure::new("flows in the hour that is read", short(keys.count())).how(keys.describe()),
    );
    let records: Vec<Record> = random_records(keys, WRITER_RECORDS).collect();
    let writes: Vec<Vec<u8>> =
        records.chunks(RECORDS_PER_REQUEST).map(|part| write_request(part, HOUR)).collect();
    let writer = PacedWriter::start(fas.address(), writes, WRITE_INTERVAL)?;
    let writing = share_of_writer(&fas)?;
    for query in queries() {
        measure(&fas, &query, writing, report)?;
    }
    let mut latencies = writer.stop()?;
    let how = format!(
        "{} records/s in requests of {RECORDS_PER_REQUEST}, from when each was due; median {:.1} ms",
        RECORDS_PER_REQUEST as f64 / WRITE_INTERVAL.as_secs_f64(),
        millis(latencies.quantile(0.5))
    );
    let p99 = millis(latencies.quantile(0.99));
    report.add(Figure::of("latency of the writes beside the reads, p99", p99, "ms").how(how));
    Ok(())
}

fn queries() -> Vec<Query> {
    let summary = |group_by: &str| format!("/v1/summary?hour={HOUR}&group_by={group_by}&limit=20");
    let query = |what, path, accept, goal_millis| Query { what, path, accept, goal_millis };
    vec![
        query("top 20 by src_app,dest_app", summary("src_app,dest_app"), JSON, Some(30.0)),
        query("top 20 by src_app", summary("src_app"), JSON, None),
        query("top 20 by all three fields", summary("src_app,dest_app,vpc_id"), JSON, None),
        query(
            "flows of one src_app (1,000)",
            format!("/v1/flows?hour={HOUR}&src_app={}", app(7)),
            JSON,
            Some(5.0),
        ),
        query("the hour in full, NDJSON", format!("/v1/flows?hour={HOUR}"), NDJSON, Some(1_000.0)),
        query("the hour in full, GET /flows", format!("/flows?hour={HOUR}"), JSON, None),
    ]
}

/// The CPU time that the writer alone makes fas take, per second.
fn share_of_writer(fas: &Fas) -> Result<f64> {
    let (begin, before) = (Instant::now(), usage::cpu(fas.pid())?);
    std::thread::sleep(Duration::from_secs(3));
    let cpu = usage::cpu(fas.pid())?.saturating_sub(before);
    Ok(cpu.as_secs_f64() / begin.elapsed().as_secs_f64())
}

fn measure(fas: &Fas, query: &Query, writing: f64, report: &mut Report) -> Result<()> {
    let request = get_request(&query.path, query.accept);
    let mut connection = Connection::open(fas.address())?;
    let status = connection.send(&request)?.status;
    match status {
        200 => {}
        404 => {
            report.add(Figure::new(query.what, "not built yet"));
            return Ok(());
        }
        _ => return Err(Failure::new(format!("{} was answered with {status}", query.path))),
    }
    usage::reset_peak(fas.pid())?;
    let (resident, before) = (usage::resident_bytes(fas.pid())?, usage::cpu(fas.pid())?);
    let begin = Instant::now();
    let mut latencies = Latencies::default();
    let mut bytes = 0;
    let mut rounds = 0;
    while rounds < LEAST_ROUNDS || begin.elapsed() < TIME_PER_QUERY {
        let asked = Instant::now();
        bytes = 0;
        connection.stream(&request, |piece| bytes += piece.len() as u64)?;
        latencies.push(asked.elapsed());
        rounds += 1;
    }
    let cpu = usage::cpu(fas.pid())?.saturating_sub(before).as_secs_f64();
    let cpu = (cpu - writing * begin.elapsed().as_secs_f64()).max(0.0) * 1e3 / rounds as f64;
    let growth = usage::peak_bytes(fas.pid())?.saturating_sub(resident);
    let how = format!(
        "p99 {:.1} ms, CPU {cpu:.1} ms, {rounds} times one after the other, {:.2} MB an answer; \
         memory grew by {:.1} MB",
        millis(latencies.quantile(0.99)),
        megabytes(bytes),
        megabytes(growth)
    );
    let median = millis(latencies.quantile(0.5));
    report.add(match query.goal_millis {
        Some(goal) => Figure::at_most(query.what, median, goal, "ms").how(how),
        None => Figure::of(query.what, median, "ms").how(how),
    });
    Ok(())
}
