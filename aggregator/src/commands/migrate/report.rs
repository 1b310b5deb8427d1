//! The comparison of two stores after a move, as it is printed.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::Duration;

use comfy_table::Table;

use super::AnyError;
use super::census::{self, Census, HourCount, InstanceCount};
use crate::store::Movable;

/// Prints the totals of each hour and the number of instances of both stores.
///
/// # Errors
/// When they are not the same.
pub(super) async fn compare(source: &dyn Movable, target: &dyn Movable) -> Result<(), AnyError> {
    let (old, new) = (census::hours(source).await?, census::hours(target).await?);
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING).set_header([
        "HOUR",
        "FLOWS",
        "SOURCES SENT",
        "RETURNED",
        "DESTINATIONS SENT",
        "RETURNED",
        "",
    ]);
    let mut differ = 0;
    let hours: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    for hour in hours {
        let was = old.get(hour).copied().unwrap_or_default();
        let is = new.get(hour).copied().unwrap_or_default();
        if was == is {
            table.add_row(row(hour, &was, "same"));
        } else {
            differ += 1;
            table.add_row(row(hour, &was, "was"));
            table.add_row(row(hour, &is, "IS"));
        }
    }
    let (was, is) = (InstanceCount::of(source).await?, InstanceCount::of(target).await?);
    let mut out = io::stdout().lock();
    writeln!(out, "{}", table.trim_fmt())?;
    writeln!(out, "instances: {} were there, {} are here", was.count, is.count)?;
    match (differ, was == is) {
        (0, true) => Ok(()),
        (0, false) => Err("not all instances are as far as they were".into()),
        (hours, _) => Err(format!(
            "{hours} hours are not the same: has anything written to one of the two? Move anew \
             into another, empty store"
        )
        .into()),
    }
}

fn row(hour: &flow_model::Hour, count: &HourCount, what: &str) -> [String; 7] {
    [
        hour.to_string(),
        count.all.flows.to_string(),
        count.source.bytes_tx.to_string(),
        count.source.bytes_rx.to_string(),
        count.destination.bytes_tx.to_string(),
        count.destination.bytes_rx.to_string(),
        what.to_owned(),
    ]
}

/// Says what was done, and how long it took.
pub(super) fn tell_moved(census: &Census, flows: u64, elapsed: Duration) -> Result<(), AnyError> {
    let seconds = elapsed.as_secs_f64().max(0.001);
    let before = census.flows().saturating_sub(flows);
    let earlier = if before > 0 { format!(" ({before} before)") } else { String::new() };
    let speed = flows as f64 / seconds;
    writeln!(
        io::stdout().lock(),
        "moved {flows} flows{earlier} and {} instances in {seconds:.1} s: {speed:.0} flows/s",
        census.instances.count
    )?;
    Ok(())
}
