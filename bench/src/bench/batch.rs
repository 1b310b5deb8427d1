//! `POST /v1/batches`: 1,000 instances, each of which pushes batches of 30 flows, over 64
//! connections. An instance sends its next batch when it has the receipt of the last.

use super::Setting;
use crate::encode::{BatchHead, batch_request};
use crate::failure::Result;
use crate::fas::Fas;
use crate::load::{closed_loop, lanes};
use crate::random::Random;
use crate::record::{Key, NAME_LENGTH, Record, SEED, app};
use crate::report::{Figure, Report, micros_each, millis, rate, short};
use crate::tally::Tally;

const HOUR: u32 = 490_000;
const INSTANCES: u64 = 1_000;
const BATCHES_PER_INSTANCE: u64 = 60;
const FLOWS_PER_BATCH: u64 = 30;
const CONNECTIONS: usize = 64;

/// Apps that any app may talk to.
const DESTINATIONS: u64 = 200;

/// The goal, in us of CPU time per batch.
const GOAL_MICROS: f64 = 20.0;

/// Delivers all batches.
pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    let rounds = setting.scale(BATCHES_PER_INSTANCE);
    let count = rounds * INSTANCES;
    let mut expected = Tally::of(INSTANCES * FLOWS_PER_BATCH);
    // All of an instance goes over one connection, so that its batches stay in order.
    let instances = (0..INSTANCES).map(|instance| batches_of(instance, rounds, &mut expected));
    let lanes: Vec<Vec<Vec<u8>>> =
        lanes(instances, CONNECTIONS).into_iter().map(by_turns).collect();
    let fas = Fas::start(&setting.fas)?;
    let (mut load, cpu) = fas.cpu_of(|| closed_loop(fas.address(), &lanes))?;
    fas.expect(HOUR, &expected)?;

    let how = format!(
        "{} batches of {FLOWS_PER_BATCH} flows, {INSTANCES} instances, names of \
         {NAME_LENGTH} characters, {CONNECTIONS} connections",
        short(count)
    );
    let each = micros_each(cpu, count);
    report.add(Figure::at_most("CPU of fas per batch", each, GOAL_MICROS, "us").how(how));
    report.add(Figure::of("batches", rate(count, load.wall), "/s"));
    for (name, share) in [("median", 0.5), ("p99", 0.99)] {
        let latency = millis(load.latencies.quantile(share));
        report.add(Figure::of(format!("latency of a batch, {name}"), latency, "ms"));
    }
    Ok(())
}

/// The batches of an instance: the sidecar of one app, one side of it.
fn batches_of(instance: u64, rounds: u64, expected: &mut Tally) -> Vec<Vec<u8>> {
    let id = format!("{}/18da4b2c6f1e2a40.18da4b2c9d3b{instance:04x}.3", app(instance));
    let reporter = if instance.is_multiple_of(2) { "source" } else { "destination" };
    let mut random = Random::new(SEED + instance);
    (1..=rounds)
        .map(|sequence| {
            let flows: Vec<Record> = (0..FLOWS_PER_BATCH)
                .map(|n| flow(instance, n, &mut random))
                .inspect(|record| expected.add(record, 1))
                .collect();
            batch_request(BatchHead { instance: &id, sequence, reporter }, &flows, HOUR)
        })
        .collect()
}

fn flow(instance: u64, n: u64, random: &mut Random) -> Record {
    // The same peers in every batch, and others for every app.
    let destination = (instance * 7 + n) % DESTINATIONS;
    let key = Key { source: instance, destination };
    Record { key, bytes_tx: 100 + random.below(10_000), bytes_rx: 100 + random.below(1_000_000) }
}

/// The first batch of each instance, then the second of each, and so on.
fn by_turns(instances: Vec<Vec<Vec<u8>>>) -> Vec<Vec<u8>> {
    let mut instances: Vec<_> = instances.into_iter().map(Vec::into_iter).collect();
    let mut all = Vec::new();
    loop {
        let before = all.len();
        all.extend(instances.iter_mut().filter_map(Iterator::next));
        if all.len() == before {
            return all;
        }
    }
}
