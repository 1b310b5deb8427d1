//! As much as possible at once: every instance pushes its next batch when the last is
//! acknowledged.

use std::time::Duration;

use super::crowd::{Crowd, Phase, Pushes};
use super::deployment::{Deployment, Outcome};
use super::{GOAL_LONGEST_MS, GOAL_MICROS};
use crate::failure::Result;
use crate::report::{Figure, Report, micros_each, millis, rate, short};

/// Flows of a batch of a small sidecar.
const FEW_FLOWS: u64 = 3;

/// A batch that is as large as one may be.
const MANY_FLOWS: u64 = 10_000;

/// Each figure by itself; gives the batches per second.
pub fn tell_closely(
    deployment: &Deployment,
    crowd: Crowd,
    rounds: u64,
    report: &mut Report,
) -> Result<f64> {
    let (pushes, outcome) = push_all(deployment, crowd, rounds)?;
    let cost = outcome.cost;
    let count = pushes.records;
    let primaries = micros_each(cost.primaries, count);
    let how = "all primaries together, user and system, with append-only file and replication";
    let what = "Redis CPU per record, primaries";
    report.add(Figure::at_most(what, primaries, GOAL_MICROS, "us").how(how));
    let replicas = micros_each(cost.replicas, count);
    report.add(Figure::of("Redis CPU per record, replicas", replicas, "us"));
    report.add(Figure::of("CPU of fas per record", micros_each(cost.fas, count), "us"));
    let records = rate(count, outcome.pushed.wall);
    report.add(Figure::of("records", records, "/s").how(how_far(&outcome, &pushes)));
    tell_latencies("latency, as much as possible at once", outcome.pushed.latencies, report);
    tell_longest("the crowd", &outcome.slowest, report);
    Ok(rate(pushes.batches, outcome.pushed.wall))
}

/// All figures in one.
pub fn tell_briefly(
    deployment: &Deployment,
    crowd: Crowd,
    rounds: u64,
    report: &mut Report,
) -> Result<()> {
    let (pushes, outcome) = push_all(deployment, crowd, rounds)?;
    let measured = format!(
        "{}, {:.0} records/s",
        outcome.cost.each(pushes.records),
        rate(pushes.records, outcome.pushed.wall)
    );
    let what = format!("CPU per record, {}", deployment.describe());
    report.add(Figure::new(what, measured).how(how_far(&outcome, &pushes)));
    Ok(())
}

/// Batches of few flows: what a push costs, whatever is in it.
pub fn tell_small(
    deployment: &Deployment,
    phase: Phase,
    rounds: u64,
    report: &mut Report,
) -> Result<()> {
    let crowd = Crowd { flows: FEW_FLOWS, ..Crowd::of(phase) };
    tell_pushes(&format!("CPU per push of {FEW_FLOWS} flows"), deployment, crowd, rounds, report)
}

/// All instances are of one app, so that everything goes to one shard.
pub fn tell_hot(
    deployment: &Deployment,
    phase: Phase,
    rounds: u64,
    report: &mut Report,
) -> Result<()> {
    let crowd = Crowd { apps: 1, ..Crowd::of(phase) };
    tell_pushes("CPU per push of 100 flows, one app", deployment, crowd, rounds, report)
}

fn tell_pushes(
    what: &str,
    deployment: &Deployment,
    crowd: Crowd,
    rounds: u64,
    report: &mut Report,
) -> Result<()> {
    let (pushes, outcome) = push_all(deployment, crowd, rounds)?;
    let measured = format!(
        "{}, {:.0} pushes/s",
        outcome.cost.each(pushes.batches),
        rate(pushes.batches, outcome.pushed.wall)
    );
    report.add(Figure::new(what, measured).how(how_far(&outcome, &pushes)));
    let sizes = pushes.requests.iter().flatten().map(|request| request.len() as u64);
    let each = |bytes: u64| bytes / pushes.batches.max(1);
    let [taken, answered, copied] = outcome.traffic;
    let measured = format!(
        "{} B to fas, {} B to Redis, {} B back, {} B to replicas",
        each(sizes.sum()),
        each(taken),
        each(answered),
        each(copied)
    );
    report.add(Figure::new("network for each of these", measured));
    Ok(())
}

/// Batches that are as large as they may be, of one app: how long they hold a primary.
pub fn tell_large(deployment: &Deployment, phase: Phase, report: &mut Report) -> Result<()> {
    let crowd = Crowd { phase, instances: 8, apps: 1, flows: MANY_FLOWS };
    let (_, outcome) = push_all(deployment, crowd, 3)?;
    let each = millis(outcome.cost.primaries) / outcome.calls.max(1) as f64;
    let how = format!(
        "{} instances of one app, {} flows a batch; {} calls of at most 2,000 flows, all CPU of \
         the primaries",
        crowd.instances,
        short(MANY_FLOWS),
        outcome.calls
    );
    report.add(Figure::at_most("CPU of a large call", each, GOAL_LONGEST_MS, "ms").how(how));
    tell_longest("large batches", &outcome.slowest, report);
    Ok(())
}

/// Quantiles of the time until an acknowledgement.
pub fn tell_latencies(what: &str, mut latencies: crate::latency::Latencies, report: &mut Report) {
    for (name, share) in [("median", 0.5), ("p99", 0.99)] {
        let latency = millis(latencies.quantile(share));
        report.add(Figure::of(format!("{what}, {name}"), latency, "ms"));
    }
}

/// The longest command, and how many are beyond the goal.
pub fn tell_longest(what: &str, slowest: &[Duration], report: &mut Report) {
    let longest = millis(slowest.first().copied().unwrap_or_default());
    let over = slowest.iter().filter(|time| millis(**time) > GOAL_LONGEST_MS).count();
    let how = format!(
        "SLOWLOG of the primaries, which counts real time, also while another process has the \
         core; {over} took longer than the goal, {} longer than 0.5 ms",
        slowest.len()
    );
    let what = format!("the longest command, {what}");
    report.add(Figure::at_most(what, longest, GOAL_LONGEST_MS, "ms").how(how));
}

fn push_all(deployment: &Deployment, crowd: Crowd, rounds: u64) -> Result<(Pushes, Outcome)> {
    let pushes = crowd.pushes(rounds);
    let outcome = deployment.take(crowd.phase, &pushes, Duration::ZERO)?;
    Ok((pushes, outcome))
}

/// What else is to be known of a run.
pub fn how_far(outcome: &Outcome, pushes: &Pushes) -> String {
    let share =
        |part: Duration, all: Duration| 100.0 * part.as_secs_f64() / all.as_secs_f64().max(1e-9);
    format!(
        "{} batches in {:.1} s, {:.2} script calls a batch, {} refused; the busiest primary took \
         {:.0} % of the primaries' time",
        short(pushes.batches),
        outcome.pushed.wall.as_secs_f64(),
        outcome.calls as f64 / pushes.batches.max(1) as f64,
        outcome.pushed.refused,
        share(outcome.cost.busiest, outcome.cost.primaries)
    )
}
