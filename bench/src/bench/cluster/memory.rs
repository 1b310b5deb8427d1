//! Memory of the primaries: for each flow, and for each instance.

use std::time::Duration;

use super::crowd::{Crowd, Phase};
use super::deployment::Deployment;
use super::{PRIMARIES, Setting, migrate};
use crate::encode::{BatchHead, batch_request};
use crate::failure::Result;
use crate::fas::Fas;
use crate::fleet::push;
use crate::record::{Key, Keys, NAME_LENGTH, Record};
use crate::report::{Figure, Report, short};
use crate::tally::Tally;

/// As many flows of an app as a small hash holds, and more.
const FEW: Keys = Keys { sources: 10_000, destinations: 100 };
const MANY: Keys = Keys { sources: 1_000, destinations: 1_000 };

/// Instances that have pushed once.
const INSTANCES: u64 = 100_000;

/// Those that push at a time, over a connection each.
const CONNECTIONS: u64 = 16;

/// The goal for a flow, in bytes.
const GOAL_BYTES: f64 = 130.0;

/// Fills stores, and lastly moves one.
pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    let sides = ["source", "destination"];
    tell_flows(setting, MANY, sides.get(..1).unwrap_or_default(), report)?;
    tell_flows(setting, FEW, &sides, report)?;
    tell_instances(setting, report)?;
    let (deployment, _) = tell_flows(setting, FEW, sides.get(..1).unwrap_or_default(), report)?;
    migrate::run(setting, deployment, Phase(0), report)
}

fn tell_flows(
    setting: &Setting,
    keys: Keys,
    reporters: &[&str],
    report: &mut Report,
) -> Result<(Deployment, Tally)> {
    let keys = Keys { sources: setting.scale(keys.sources), ..keys };
    let deployment = Deployment::start(&setting.fas, PRIMARIES, 1)?;
    let before = deployment.cluster.memory_bytes()?;
    let mut expected = Tally::of(keys.count());
    for reporter in reporters {
        expected = Tally::of(keys.count());
        let requests = requests(keys, reporter, &mut expected);
        push(&[deployment.front_end()?.address()], &requests, Duration::ZERO)?;
    }
    deployment.front_end()?.expect(Phase(0).hour(), &expected)?;
    let after = deployment.cluster.memory_bytes()?;
    let each = after.saturating_sub(before) as f64 / keys.count() as f64;
    let what = format!(
        "Redis memory per flow, {} flows of an app, reported by {}",
        keys.destinations,
        if reporters.len() > 1 { "both sides" } else { "one side" }
    );
    let how = format!(
        "used_memory of {PRIMARIES} primaries less that before, over {} flows of {} apps, names of \
         {NAME_LENGTH} characters",
        short(keys.count()),
        short(keys.sources)
    );
    report.add(Figure::at_most(what, each, GOAL_BYTES, "B").how(how));
    Ok((deployment, expected))
}

/// All flows, pushed by a few instances: what those leave is small beside the flows.
fn requests(keys: Keys, reporter: &str, expected: &mut Tally) -> Vec<Vec<Vec<u8>>> {
    let mut all: Vec<Vec<Vec<u8>>> = Vec::new();
    for instance in 0..CONNECTIONS {
        let id = format!("filler/{reporter}.{instance}");
        let sources = (instance..keys.sources).step_by(CONNECTIONS as usize);
        let batches = sources.zip(1..).map(|(source, sequence)| {
            let record = |destination| {
                let (bytes_tx, bytes_rx) = (1_000 + destination, 100_000 + source);
                Record { key: Key { source, destination }, bytes_tx, bytes_rx }
            };
            let records: Vec<Record> = (0..keys.destinations).map(record).collect();
            records.iter().for_each(|record| expected.add(record, 1));
            let head = BatchHead { instance: &id, sequence, reporter };
            batch_request(head, &records, Phase(0).hour())
        });
        all.push(batches.collect());
    }
    all
}

/// Many instances of the same flows: what tells their resends.
fn tell_instances(setting: &Setting, report: &mut Report) -> Result<()> {
    let deployment = Deployment::start(&setting.fas, PRIMARIES, 1)?;
    let instances = setting.scale(INSTANCES);
    let crowd = Crowd { phase: Phase(0), instances, apps: 50, flows: 1 };
    let before = deployment.cluster.memory_bytes()?;
    let pushes = crowd.pushes(1);
    let turns = crate::load::lanes(pushes.requests.into_iter().flatten(), CONNECTIONS as usize);
    let front_end: &Fas = deployment.front_end()?;
    push(&[front_end.address()], &turns, Duration::ZERO)?;
    front_end.expect(crowd.phase.hour(), &pushes.expected)?;
    let after = deployment.cluster.memory_bytes()?;
    let each = after.saturating_sub(before) as f64 / instances as f64;
    let how =
        format!("{} instances of {} apps that have pushed once", short(instances), crowd.apps);
    report.add(Figure::of("Redis memory per instance", each, "B").how(how));
    Ok(())
}
