//! A fresh start that nobody uses: memory, and CPU time over ten seconds.

use std::thread::sleep;
use std::time::Duration;

use super::Setting;
use crate::failure::Result;
use crate::fas::Fas;
use crate::report::{Figure, Report, megabytes, millis};
use crate::usage;

const WATCHED: Duration = Duration::from_secs(10);

const GOAL_MEGABYTES: f64 = 30.0;

/// Less than a tick of the kernel's clock counts as nothing.
const GOAL_MILLIS: f64 = 10.0;

/// Starts, and watches.
pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    let fas = Fas::start(&setting.fas)?;
    let before = usage::settled_cpu(fas.pid())?;
    sleep(WATCHED);
    let cpu = usage::cpu(fas.pid())?.saturating_sub(before);
    let resident = megabytes(usage::resident_bytes(fas.pid())?);
    let memory =
        Figure::at_most("memory when idle, after a fresh start", resident, GOAL_MEGABYTES, "MB");
    report.add(memory.how("VmRSS"));
    let what = format!("CPU in {} s of idling", WATCHED.as_secs());
    let how = "user and system time of all threads, in ticks of 10 ms";
    report.add(Figure::at_most(what, millis(cpu), GOAL_MILLIS, "ms").how(how));
    Ok(())
}
