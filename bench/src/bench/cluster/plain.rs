//! The yardstick: a script as one would write it first. A call for each push; it compares a
//! sequence number, and then does an `HINCRBY` for each counter. Each call waits for the replica.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::{Duration, Instant};

use redis::{Connection, Value};

use super::crowd::{Crowd, Head, Pushes};
use super::deployment::Deployment;
use crate::failure::{Doing, Failure, Result};
use crate::record::{Record, app};
use crate::redis_cluster::Node;
use crate::report::{Figure, Report, micros_each, rate};
use crate::tally::Tally;

const SCRIPT: &str = "\
    if tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0) >= tonumber(ARGV[2]) then return 0 end \
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) \
    for n = 3, #ARGV, 2 do redis.call('HINCRBY', KEYS[2], ARGV[n], ARGV[n + 1]) end \
    return 1";

/// Threads that push. Each has some of the instances.
const CLIENTS: u64 = 16;

/// The longest wait for the replica, in milliseconds.
const COPY_TIMEOUT_MS: u64 = 10_000;

/// Pushes what the crowd has, past `fas`.
pub fn run(deployment: &Deployment, crowd: Crowd, rounds: u64, report: &mut Report) -> Result<()> {
    let nodes = nodes_of_apps(deployment, crowd)?;
    let Pushes { expected, records, .. } = crowd.pushes(rounds);
    let (wall, cost) = deployment.cost_of(|| push_all(&nodes, crowd, rounds))?;
    let found = tally(&nodes, crowd)?;
    if found != expected {
        return Err(Failure::new(format!("the plain script holds {found}, not {expected}")));
    }
    let primaries = micros_each(cost.primaries, records);
    let how = format!(
        "one EVALSHA and WAIT 1 a batch, {CLIENTS} connections, a record is two HINCRBY; {:.0} records/s",
        rate(records, wall)
    );
    report.add(
        Figure::of("a plain script: Redis CPU per record, primaries", primaries, "us").how(how),
    );
    let replicas = micros_each(cost.replicas, records);
    report.add(Figure::of("a plain script: Redis CPU per record, replicas", replicas, "us"));
    Ok(())
}

/// Has all clients push; gives how long that took.
fn push_all(nodes: &[&Node], crowd: Crowd, rounds: u64) -> Result<Duration> {
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let client = |share| scope.spawn(move || push_share(nodes, crowd, rounds, share));
        let clients: Vec<_> = (0..CLIENTS).map(client).collect();
        clients
            .into_iter()
            .try_for_each(|client| client.join().map_err(|_| Failure::new("a client panicked"))?)
    })?;
    Ok(begin.elapsed())
}

/// Which node has the keys of which app.
fn nodes_of_apps(deployment: &Deployment, crowd: Crowd) -> Result<Vec<&Node>> {
    (0..crowd.apps).map(|source| deployment.cluster.primary_of(&keys(source, crowd).0)).collect()
}

/// The hash of sequence numbers, and that of counters.
fn keys(source: u64, crowd: Crowd) -> (String, String) {
    let app = app(source);
    (format!("{{{app}}}:plain:instances"), format!("{{{app}}}:plain:{}", crowd.phase.hour()))
}

fn push_share(nodes: &[&Node], crowd: Crowd, rounds: u64, share: u64) -> Result<()> {
    let mut connections: HashMap<u16, (Connection, String)> = HashMap::new();
    let instances = (share..crowd.instances).step_by(CLIENTS as usize);
    let mut batches: Vec<_> = instances
        .map(|instance| (instance % crowd.apps, crowd.each_batch(instance, rounds)))
        .collect();
    for _ in 0..rounds {
        for (source, batches) in &mut batches {
            let Some((head, records)) = batches.next() else { continue };
            let node = nodes.get(*source as usize).ok_or_else(|| Failure::new("no such app"))?;
            let (connection, sha) = match connections.entry(node.port()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(open(node)?),
            };
            send(connection, sha, &keys(*source, crowd), &head, &records)?;
        }
    }
    Ok(())
}

fn send(
    connection: &mut Connection,
    sha: &str,
    (instances, counters): &(String, String),
    head: &Head,
    records: &[Record],
) -> Result<()> {
    let mut pipeline = redis::pipe();
    pipeline.cmd("EVALSHA").arg(sha).arg(2).arg(instances).arg(counters);
    pipeline.arg(&head.id).arg(head.sequence);
    for Record { key, bytes_tx, bytes_rx } in records {
        let name = key.dest_app();
        pipeline.arg(format!("{name}:tx")).arg(bytes_tx);
        pipeline.arg(format!("{name}:rx")).arg(bytes_rx);
    }
    pipeline.cmd("WAIT").arg(1).arg(COPY_TIMEOUT_MS);
    let answers: (i64, i64) = pipeline.query(connection).doing("the plain script")?;
    if answers == (1, 1) {
        return Ok(());
    }
    Err(Failure::new(format!("the plain script answers {answers:?}")))
}

fn open(node: &Node) -> Result<(Connection, String)> {
    let mut connection = node.connect()?;
    let load = redis::cmd("SCRIPT").arg("LOAD").arg(SCRIPT).query(&mut connection);
    let sha = load.doing("loading the plain script")?;
    Ok((connection, sha))
}

fn tally(nodes: &[&Node], crowd: Crowd) -> Result<Tally> {
    let (mut flows, mut tx, mut rx) = (0, 0, 0);
    for (source, node) in (0..).zip(nodes) {
        let counters: HashMap<String, u64> = node.ask(&["HGETALL", &keys(source, crowd).1])?;
        for (field, bytes) in counters {
            match field.ends_with(":tx") {
                true => {
                    flows += 1;
                    tx += u128::from(bytes);
                }
                false => rx += u128::from(bytes),
            }
        }
        let _: Value = node.ask(&["DEL", &keys(source, crowd).1])?;
    }
    Ok(Tally::of_sums(flows, tx, rx))
}
