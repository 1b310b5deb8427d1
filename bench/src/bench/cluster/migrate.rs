//! `fas migrate`: from the cluster into a directory, and back into another store there.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Setting;
use super::crowd::Phase;
use super::deployment::Deployment;
use crate::failure::{Doing, Failure, Result};
use crate::fas::Fas;
use crate::report::{Figure, Report, rate, short};
use crate::scratch::Scratch;

/// Moves what a deployment holds.
pub fn run(
    setting: &Setting,
    deployment: Deployment,
    phase: Phase,
    report: &mut Report,
) -> Result<()> {
    let Deployment { cluster, front_ends } = deployment;
    let held = front_ends
        .first()
        .ok_or_else(|| Failure::new("there is no front end"))?
        .tally(phase.hour())?;
    drop(front_ends);
    let scratch = Scratch::new("moved")?;
    let directory = scratch.path().join("store").display().to_string();
    let down = migrate(setting, &cluster.url("fas"), &directory)?;
    let up = migrate(setting, &directory, &cluster.url("moved"))?;
    Fas::start_front_end(&setting.fas, &cluster.url("moved"))?.expect(phase.hour(), &held)?;
    for (way, time) in
        [("from a cluster into a directory", down), ("from a directory into a cluster", up)]
    {
        let flows = rate(held.flows(), time);
        let how = format!("{} flows in {:.1} s", short(held.flows()), time.as_secs_f64());
        report.add(Figure::of(format!("fas migrate, {way}"), flows, "flows/s").how(how));
    }
    Ok(())
}

fn migrate(setting: &Setting, from: &str, to: &str) -> Result<Duration> {
    let mut command = Command::new(&setting.fas);
    command.args(["migrate", "--from", from, "--to", to]).env_clear().stdin(Stdio::null());
    let begin = Instant::now();
    let output = command.output().doing("fas migrate")?;
    if output.status.success() {
        return Ok(begin.elapsed());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Failure::new(format!("fas migrate from {from} to {to}: {said}")))
}
