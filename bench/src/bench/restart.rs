//! From the start of the program until it is ready, with 10 million flows in an hour.

use super::Setting;
use crate::dataset::fill;
use crate::failure::Result;
use crate::fas::Fas;
use crate::record::Keys;
use crate::report::{Figure, Report, megabytes, short};
use crate::usage;

const HOUR: u32 = 490_000;

/// The goal, in seconds.
const GOAL_SECONDS: f64 = 5.0;

/// Killed right after the load, when as much as can be is in the log; then ended in order.
pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    let keys = Keys { sources: setting.scale(5_000), destinations: 2_000 };
    let mut fas = Fas::start(&setting.fas)?;
    let (_, expected) = fill(&fas, HOUR, keys)?;
    let flows = short(keys.count());
    let how = format!("{}; files in the page cache", keys.describe());
    for (label, signal) in [("kill -9", "KILL"), ("SIGTERM", "TERM")] {
        let took = fas.restart(signal)?.as_secs_f64();
        let what = format!("from start to ready after {label}, {flows} flows");
        report.add(Figure::at_most(what, took, GOAL_SECONDS, "s").how(&how));
        fas.expect(HOUR, &expected)?;
    }
    let resident = usage::resident_bytes(fas.pid())?;
    let peak = usage::peak_bytes(fas.pid())?;
    let how = format!("VmRSS after a read of the hour; VmHWM is {:.0} MB", megabytes(peak));
    let each = resident as f64 / keys.count() as f64;
    report.add(
        Figure::of(format!("memory per flow after a restart, {flows} flows"), each, "B").how(how),
    );
    Ok(())
}
