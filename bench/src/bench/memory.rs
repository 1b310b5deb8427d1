//! Memory per flow, with 10 million flows in an hour.

use std::thread::sleep;
use std::time::Duration;

use super::Setting;
use crate::dataset::fill;
use crate::failure::Result;
use crate::fas::Fas;
use crate::record::{Keys, NAME_LENGTH};
use crate::report::{Figure, Report, megabytes, rate, short};
use crate::usage;

const HOUR: u32 = 490_000;

/// For what the allocator gives back by and by.
const REST: Duration = Duration::from_secs(5);

/// The goal, in bytes a flow.
const GOAL_BYTES: f64 = 100.0;

/// A dense mesh, in which names are few beside flows; and the contrary, in which every flow has
/// a source of its own, as when names were those of pods.
pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    let mesh = Keys { sources: setting.scale(5_000), destinations: 2_000 };
    measure(setting, report, &format!("{} flows", short(mesh.count())), mesh)?;
    let pods = Keys { sources: setting.scale(1_000_000), destinations: 1 };
    measure(setting, report, &format!("{} flows of as many sources", short(pods.count())), pods)
}

fn measure(setting: &Setting, report: &mut Report, label: &str, keys: Keys) -> Result<()> {
    let fas = Fas::start(&setting.fas)?;
    let fresh = usage::resident_bytes(fas.pid())?;
    let (load, _) = fill(&fas, HOUR, keys)?;
    let loaded = usage::resident_bytes(fas.pid())?;
    usage::settled_cpu(fas.pid())?;
    sleep(REST);
    let rested = usage::resident_bytes(fas.pid())?;
    let peak = usage::peak_bytes(fas.pid())?;

    let flows = keys.count();
    let each = |resident: u64| resident.saturating_sub(fresh) as f64 / flows as f64;
    let how = format!(
        "VmRSS less that of a fresh start ({:.0} MB), after {} s of rest; {}, names of \
         {NAME_LENGTH} characters",
        megabytes(fresh),
        REST.as_secs(),
        keys.describe()
    );
    let what = format!("memory per flow, {label}");
    report.add(Figure::at_most(what, each(rested), GOAL_BYTES, "B").how(how));
    report.add(Figure::of(format!("right after the load, {label}"), each(loaded), "B"));
    let peak = Figure::of(format!("the most during the load, {label}"), each(peak), "B");
    report.add(peak.how("VmHWM, with all that is on its way"));
    report.add(Figure::of(format!("records while loading, {label}"), rate(flows, load.wall), "/s"));
    Ok(())
}
