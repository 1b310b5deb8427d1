//! Front ends on a Redis Cluster, all on this machine: what a record costs Redis and `fas`, how
//! soon it is acknowledged, what a flow takes in memory, and how this changes with the number of
//! primaries and of front ends. docs/scaling.md makes sizes of it.

mod crowd;
mod deployment;
mod idle;
mod latency;
mod memory;
mod migrate;
mod plain;
mod throughput;

use self::crowd::{Crowd, Phase};
use self::deployment::Deployment;
use super::Setting;
use crate::failure::Result;
use crate::redis_cluster::RedisCluster;
use crate::report::{Figure, Report};

/// The deployment that is looked at most closely.
const PRIMARIES: usize = 3;
const FRONT_ENDS: usize = 2;

/// Batches of each instance where as much as possible is pushed.
const ROUNDS: u64 = 30;

/// The goal of the issue, in us of the primaries' CPU time per record.
const GOAL_MICROS: f64 = 2.0;

/// The longest command that a primary may be held by, in milliseconds.
const GOAL_LONGEST_MS: f64 = 10.0;

/// Measures everything, each part against what was acknowledged.
pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    if !RedisCluster::is_installed() {
        report.add(Figure::new("Redis", "not installed"));
        return Ok(());
    }
    let rounds = setting.scale(ROUNDS);
    let deployment = Deployment::start(&setting.fas, PRIMARIES, FRONT_ENDS)?;
    let crowd = Crowd::of(Phase(0));
    tell_load("before", report);
    report.add(Figure::new("the crowd", crowd.describe()).how(deployment.describe()));
    let capacity = throughput::tell_closely(&deployment, crowd, rounds, report)?;
    plain::run(&deployment, Crowd::of(Phase(1)), rounds, report)?;
    latency::run(&deployment, Phase(2), setting, capacity, report)?;
    throughput::tell_small(&deployment, Phase(3), rounds, report)?;
    throughput::tell_hot(&deployment, Phase(4), rounds, report)?;
    throughput::tell_large(&deployment, Phase(5), report)?;
    idle::run(&setting.fas, &deployment, report)?;
    drop(deployment);
    for primaries in 1..=PRIMARIES {
        for front_ends in 1..=FRONT_ENDS {
            let deployment = Deployment::start(&setting.fas, primaries, front_ends)?;
            throughput::tell_briefly(&deployment, Crowd::of(Phase(0)), rounds, report)?;
        }
    }
    memory::run(setting, report)?;
    tell_load("after", report);
    Ok(())
}

/// How busy the machine is, which latencies and throughput depend on.
fn tell_load(when: &str, report: &mut Report) {
    let told = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let minutes: Vec<&str> = told.split(' ').take(3).collect();
    report.add(Figure::new(format!("load average {when}"), minutes.join(", ")));
}
