//! What came of a mesh, for people and as JSON.

use std::io::{self, Write};

use host_sim::mesh::{MeshOutcome, comparison::Difference, ledger::Bytes};
use serde_json::{Value, json};

/// What the process and the aggregator have used.
pub(super) struct Usage {
    /// Processor time of this process, in seconds.
    pub(super) cpu_s: f64,
    /// Its memory at most, in KiB.
    pub(super) peak_kib: u64,
    /// Processor time of the aggregator, in seconds, if it is known.
    pub(super) receiver_cpu_s: Option<f64>,
}

/// How many differences are listed one by one.
const LISTED: usize = 20;

#[expect(clippy::cast_precision_loss, reason = "shown with a few digits")]
fn per(amount: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { amount as f64 / seconds } else { 0.0 }
}

/// What is left of some seconds for each of so many, in microseconds.
fn share_us(seconds: f64, amount: u64) -> f64 {
    seconds * 1e6 * per(1, per(amount, 1.0))
}

/// Writes it for people.
pub(super) fn write(outcome: &MeshOutcome, usage: &Usage, out: &mut impl Write) -> io::Result<()> {
    let counts = &outcome.counts;
    let took_s = outcome.took.as_secs_f64();
    let running_s = outcome.running_cpu.as_secs_f64();
    writeln!(
        out,
        "{} requests and {} connections through {} VMs: {} were killed, {} terminated, {} drained",
        counts.requests,
        counts.connections,
        counts.vms_started,
        counts.vms_killed,
        counts.vms_terminated,
        counts.vms_drained
    )?;
    writeln!(
        out,
        "{} callbacks in {took_s:.1} s, with {:.1} s of processor time: {:.0} a second of it. {running_s:.1} \
         s ran the sidecars, {:.1} s carried pushes; {} KiB at most",
        counts.callbacks,
        usage.cpu_s,
        per(counts.callbacks, usage.cpu_s),
        outcome.carrying_cpu.as_secs_f64(),
        usage.peak_kib
    )?;
    writeln!(
        out,
        "{} pushes with {} records, {:.0} and {:.0} per second; answered within {:.0} us in the median, \
         {:.0} us at p99, {:.0} us at p99.9, {:.0} us at most; {} faults, {} not accepted, {} \
         partitions, {} left behind in logs and replayed",
        counts.pushes,
        counts.records,
        per(counts.pushes, took_s),
        per(counts.records, took_s),
        outcome.latencies.percentile_us(0.5),
        outcome.latencies.percentile_us(0.99),
        outcome.latencies.percentile_us(0.999),
        outcome.latencies.percentile_us(1.0),
        counts.faults,
        counts.pushes_without_receipt,
        counts.partitions,
        counts.left_behind
    )?;
    if let Some(cpu_s) = usage.receiver_cpu_s {
        writeln!(
            out,
            "the receiver used {cpu_s:.1} s of processor time, {:.1} us a push, {:.2} us a record",
            share_us(cpu_s, counts.pushes),
            share_us(cpu_s, counts.records)
        )?;
    }
    writeln!(out)?;
    write_books(outcome, out)
}

fn write_books(outcome: &MeshOutcome, out: &mut impl Write) -> io::Result<()> {
    let mut line = |what: &str, (rows, bytes): (usize, Bytes)| {
        writeln!(out, "{what:<42} {:>7} rows {:>16} tx {:>16} rx", rows, bytes.tx, bytes.rx)
    };
    line("moved", outcome.sent)?;
    line("not pushed by sidecars that were killed", outcome.killed)?;
    if outcome.doubtful.0 > 0 {
        line("of which may have arrived all the same", outcome.doubtful)?;
    }
    line("accepted by the receiver, by its receipts", outcome.accepted)?;
    line("what the receiver says", outcome.received)?;
    if outcome.counts.given_up_bytes > 0 {
        writeln!(out, "the plugins say that they gave up {} bytes", outcome.counts.given_up_bytes)?;
    }
    for failure in &outcome.failures {
        writeln!(out, "FAILED: {failure}")?;
    }
    if outcome.is_equal() {
        return writeln!(out, "\nequal to the byte");
    }
    writeln!(out, "\n{} differences", outcome.differences.len())?;
    for difference in outcome.differences.iter().take(LISTED) {
        let Difference { cause, row, bytes_tx, bytes_rx } = difference;
        writeln!(
            out,
            "  hour {} {} -> {} in {}: {bytes_tx} tx, {bytes_rx} rx: {}",
            row.hour,
            row.source,
            row.destination,
            row.network,
            cause.words()
        )?;
    }
    let more = outcome.differences.len().saturating_sub(LISTED);
    if more > 0 { writeln!(out, "  and {more} more, with --json") } else { Ok(()) }
}

/// The same as JSON.
pub(super) fn document(outcome: &MeshOutcome, usage: &Usage) -> Value {
    let books = |(rows, bytes): (usize, Bytes)| json!({ "rows": rows, "bytes_tx": bytes.tx, "bytes_rx": bytes.rx });
    let took_s = outcome.took.as_secs_f64();
    json!({
        "equal": outcome.is_equal(),
        "counts": outcome.counts,
        "moved": books(outcome.sent),
        "killed": books(outcome.killed),
        "doubtful": books(outcome.doubtful),
        "accepted": books(outcome.accepted),
        "received": books(outcome.received),
        "differences": outcome.differences,
        "failures": outcome.failures,
        "took_s": took_s,
        "cpu_s": usage.cpu_s,
        "running_cpu_s": outcome.running_cpu.as_secs_f64(),
        "callbacks_per_running_cpu_s":
            per(outcome.counts.callbacks, outcome.running_cpu.as_secs_f64()),
        "peak_kib": usage.peak_kib,
        "carrying_cpu_s": outcome.carrying_cpu.as_secs_f64(),
        "callbacks_per_cpu_s": per(outcome.counts.callbacks, usage.cpu_s),
        "pushes_per_second": per(outcome.counts.pushes, took_s),
        "records_per_second": per(outcome.counts.records, took_s),
        "push_median_us": outcome.latencies.percentile_us(0.5),
        "push_p99_us": outcome.latencies.percentile_us(0.99),
        "push_p999_us": outcome.latencies.percentile_us(0.999),
        "push_max_us": outcome.latencies.percentile_us(1.0),
        "receiver_cpu_s": usage.receiver_cpu_s,
        "receiver_us_per_push": usage.receiver_cpu_s.map(|s| share_us(s, outcome.counts.pushes)),
        "receiver_us_per_record": usage.receiver_cpu_s.map(|s| share_us(s, outcome.counts.records)),
    })
}
