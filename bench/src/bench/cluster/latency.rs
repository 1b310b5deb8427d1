//! Half of what was reached at most, offered evenly.

use std::time::Duration;

use super::Setting;
use super::crowd::{Crowd, Phase};
use super::deployment::Deployment;
use super::throughput::{how_far, tell_longest};
use crate::failure::Result;
use crate::report::{Figure, Report, micros_each, millis};

/// For how long.
const SECONDS: f64 = 10.0;

/// The goal for p99, in milliseconds.
const GOAL_MS: f64 = 50.0;

/// Pushes at half of `capacity`, which is in batches per second.
pub fn run(
    deployment: &Deployment,
    phase: Phase,
    setting: &Setting,
    capacity: f64,
    report: &mut Report,
) -> Result<()> {
    let crowd = Crowd::of(phase);
    let offered = capacity / 2.0;
    let interval = Duration::from_secs_f64(crowd.instances as f64 / offered);
    let seconds = if setting.quick { SECONDS / 5.0 } else { SECONDS };
    let rounds = (seconds / interval.as_secs_f64()).ceil() as u64;
    let pushes = crowd.pushes(rounds.max(2));
    let mut outcome = deployment.take(phase, &pushes, interval)?;
    let latencies = &mut outcome.pushed.latencies;
    let median = millis(latencies.quantile(0.5));
    let offered = format!("{offered:.0} batches/s offered");
    report.add(Figure::of("acknowledgement at half load, median", median, "ms").how(offered));
    let p99 = millis(latencies.quantile(0.99));
    report.add(Figure::at_most("acknowledgement at half load, p99", p99, GOAL_MS, "ms"));
    let cost = outcome.cost;
    let primaries = micros_each(cost.primaries, pushes.records);
    let what = "Redis CPU per record at half load, primaries";
    let how = how_far(&outcome, &pushes);
    report.add(Figure::at_most(what, primaries, super::GOAL_MICROS, "us").how(how));
    report.add(Figure::new("CPU per record at half load", cost.each(pushes.records)));
    tell_longest("at half load", &outcome.slowest, report);
    Ok(())
}
