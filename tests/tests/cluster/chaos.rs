//! Under load, primaries, replicas and front ends are killed and paused, and slots are moved, in an
//! order that a seed decides. What was acknowledged is there in the end, once.
//!
//! `FLOW_CHAOS_SECONDS` and `FLOW_CHAOS_SEEDS` (such as `1..=10`) make it longer.

use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::{Duration, Instant};

use flow_tests::front_end::FrontEnd;
use flow_tests::redis_cluster::RedisCluster;

use crate::load::{Load, assert_exact};
use crate::random::Random;

const DEFAULT_SECONDS: u64 = 120;

#[test]
fn what_was_acknowledged_is_there_once_whatever_dies() {
    let seconds = std::env::var("FLOW_CHAOS_SECONDS").ok().and_then(|text| text.parse().ok());
    let duration = Duration::from_secs(seconds.unwrap_or(DEFAULT_SECONDS));
    for seed in seeds() {
        run(seed, duration);
    }
}

fn seeds() -> std::ops::RangeInclusive<u64> {
    let Ok(text) = std::env::var("FLOW_CHAOS_SEEDS") else { return 1..=1 };
    let (first, last) = text.split_once("..=").unwrap_or((&text, &text));
    let number = |text: &str| text.trim().parse().expect("FLOW_CHAOS_SEEDS is N or N..=M");
    number(first)..=number(last)
}

/// What happens to the cluster.
#[derive(Clone, Copy, Debug)]
enum Fault {
    KillPrimary,
    KillReplica,
    PausePrimary,
    KillFrontEnd,
    PauseFrontEnd,
    MoveSlots,
}

const FAULTS: [Fault; 8] = [
    Fault::KillPrimary,
    Fault::KillPrimary,
    Fault::KillReplica,
    Fault::PausePrimary,
    Fault::KillFrontEnd,
    Fault::KillFrontEnd,
    Fault::PauseFrontEnd,
    Fault::MoveSlots,
];

fn run(seed: u64, duration: Duration) {
    let mut random = Random::new(seed);
    let directory = tempfile::tempdir().expect("a directory can be made");
    let mut cluster = RedisCluster::start(3, 1);
    let url = cluster.url("chaos");
    let start =
        |n: usize| FrontEnd::start(&format!("fas-{n}"), &["--store", &url], directory.path());
    let mut front_ends: Vec<FrontEnd> = (0..2).map(start).collect();
    let ports: Vec<u16> = front_ends.iter().map(FrontEnd::port).collect();
    let load = Load::start(seed, &ports, 16, 4);
    let begun = Instant::now();
    let mut faults = Vec::new();
    while begun.elapsed() < duration {
        let fault = FAULTS[random.below(FAULTS.len())];
        let before = load.acknowledged.load(Ordering::Relaxed);
        strike(fault, &mut random, &mut cluster, &mut front_ends);
        cluster.wait_until_whole();
        // The next one comes only when writes have gone through again.
        flow_tests::deadline::wait_until("writes to go on", || {
            load.acknowledged.load(Ordering::Relaxed) > before + 200
        });
        let count = load.acknowledged.load(Ordering::Relaxed) - before;
        faults.push(format!("{fault:?}"));
        println!("seed {seed}, {:>3} s: {fault:?}, {count} writes", begun.elapsed().as_secs());
    }
    let writes = load.acknowledged.load(Ordering::Relaxed);
    let expected = load.finish();
    let told = format!("seed {seed}, {writes} writes, {} faults", faults.len());
    for front_end in &front_ends {
        assert_exact(front_end, &expected, &told);
    }
    println!("{told}: exact ({} flows)", expected.len());
}

fn strike(
    fault: Fault,
    random: &mut Random,
    cluster: &mut RedisCluster,
    front_ends: &mut [FrontEnd],
) {
    let primaries = cluster.current_primaries();
    let replicas: Vec<usize> = (0..cluster.len()).filter(|at| !primaries.contains(at)).collect();
    match fault {
        Fault::KillPrimary | Fault::KillReplica => {
            let of = if matches!(fault, Fault::KillPrimary) { &primaries } else { &replicas };
            let at = of[random.below(of.len())];
            cluster.kill(at);
            // Short enough for a restart before the failover, or long enough for one.
            sleep(Duration::from_millis(200 + random.below(6_000) as u64));
            cluster.restart(at);
        }
        Fault::PausePrimary => {
            let at = primaries[random.below(primaries.len())];
            cluster.pause(at);
            sleep(Duration::from_millis(500 + random.below(5_000) as u64));
            cluster.resume(at);
        }
        Fault::KillFrontEnd => {
            let front_end = &mut front_ends[random.below(2)];
            front_end.kill();
            sleep(Duration::from_millis(random.below(500) as u64));
            front_end.restart();
            front_end.wait_until_ready();
        }
        Fault::PauseFrontEnd => {
            let front_end = &front_ends[random.below(2)];
            front_end.signal("-STOP");
            sleep(Duration::from_millis(200 + random.below(6_000) as u64));
            front_end.signal("-CONT");
        }
        Fault::MoveSlots => {
            for _ in 0..20 {
                let slot = busy_slot(random, cluster);
                let to = primaries[random.below(primaries.len())];
                let moved = cluster.move_slot(slot, to);
                moved.unwrap_or_else(|error| panic!("slot {slot} does not move: {error}"));
            }
        }
    }
}

/// A slot that has flows.
fn busy_slot(random: &mut Random, cluster: &RedisCluster) -> u16 {
    let primaries = cluster.current_primaries();
    let at = primaries[random.below(primaries.len())];
    let key = cluster.try_ask(at, redis::cmd("RANDOMKEY"));
    let Ok(redis::Value::BulkString(key)) = key else { return random.below(16_384) as u16 };
    let mut slot = redis::cmd("CLUSTER");
    slot.arg("KEYSLOT").arg(key);
    match cluster.try_ask(at, slot) {
        Ok(redis::Value::Int(slot)) => slot as u16,
        other => panic!("no slot: {other:?}"),
    }
}
