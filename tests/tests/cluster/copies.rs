//! Reads from replicas: they do the work, and what they say is right, also when one of them is dead,
//! frozen, cut off from its primary, or knows nothing of a slot that is moving.

use std::time::{Duration, Instant};

use flow_tests::client::agent;
use flow_tests::deadline::wait_for;
use flow_tests::front_end::FrontEnd;
use flow_tests::redis_cluster::RedisCluster;
use redis::{Value, cmd};
use tempfile::TempDir;

const SOURCES: usize = 60;

/// A cluster of three primaries and three replicas, a front end that reads from replicas, and one
/// that does not and waits for none.
struct Fixture {
    cluster: RedisCluster,
    reader: FrontEnd,
    writer: FrontEnd,
    _directory: TempDir,
}

impl Fixture {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let cluster = RedisCluster::start(3, 1);
        let url = cluster.url("copies");
        let start = |name: &str, more: &[&str]| {
            let arguments = [&["--store", &url], more].concat();
            FrontEnd::start(name, &arguments, directory.path())
        };
        let reader = start("fas-reader", &["--read-replicas"]);
        let writer = start("fas-writer", &["--replica-acks", "0"]);
        let fixture = Self { reader, writer, cluster, _directory: directory };
        // Nodes do not tell of replicas that have had nothing to copy.
        wait_for("all replicas to be read from", || {
            fixture.write_in(&fixture.writer, 2);
            let _ = fixture.reader.get("/flows?hour=2");
            let steps: Vec<u64> = (3..6).map(|at| fixture.steps(at)).collect();
            if steps.contains(&0) { Err(format!("{steps:?}")) } else { Ok(()) }
        });
        fixture
    }

    /// Adds a byte to the flows of every source, in this hour.
    fn write_in(&self, front_end: &FrontEnd, hour: u32) {
        let flow = |n: usize| {
            format!(
                "{{\"src_app\":\"s-{n}\",\"dest_app\":\"d\",\"vpc_id\":\"v\",\"hour\":{hour},\
                 \"bytes_tx\":1,\"bytes_rx\":1}}"
            )
        };
        let flows: Vec<String> = (0..SOURCES).map(flow).collect();
        let url = format!("http://127.0.0.1:{}/flows", front_end.port());
        let request = agent(Duration::from_secs(10)).post(&url);
        let request = request.header("content-type", "application/json");
        let answer = request.send(format!("[{}]", flows.join(","))).expect("an answer");
        assert_eq!(answer.status(), 200, "{}", front_end.log());
    }

    fn write(&self, front_end: &FrontEnd) {
        self.write_in(front_end, 1);
    }

    /// Panics unless all reads give this for every source; gives how long they took.
    fn assert_read(&self, bytes: u64) -> Duration {
        let begun = Instant::now();
        let text = |path: &str| {
            let (status, body) = self.reader.get(path).expect("an answer");
            let body = String::from_utf8_lossy(&body).into_owned();
            assert_eq!(status, 200, "{path}: {body}");
            body
        };
        let flows = text("/flows?hour=1");
        let count = flows.matches(&format!("\"bytes_tx\":{bytes},")).count();
        assert_eq!(count, SOURCES, "{flows}");
        let total = format!("\"bytes_tx\":{}", SOURCES as u64 * bytes);
        for path in ["/v1/summary?hour=1", "/v1/hours?to=2"] {
            let answer = text(path);
            assert!(answer.contains(&total), "{path}: {answer}");
        }
        begun.elapsed()
    }

    fn ask(&self, at: usize, words: &[&str]) -> Value {
        let mut command = cmd(words[0]);
        command.arg(&words[1..]);
        self.cluster.try_ask(at, command).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// How many steps of scans a node has answered.
    fn steps(&self, at: usize) -> u64 {
        let steps = self.cluster.figure(at, "commandstats", "cmdstat_sscan");
        let calls =
            steps.as_deref().and_then(|steps| steps.strip_prefix("calls=")?.split_once(','));
        calls.map_or(0, |(calls, _)| calls.parse().expect("a number"))
    }

    fn role_word(&self, at: usize, place: usize) -> String {
        let Value::Array(parts) = self.ask(at, &["ROLE"]) else { return String::new() };
        match parts.get(place) {
            Some(Value::BulkString(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        }
    }
}

#[test]
fn replicas_answer_reads_and_nothing_else_is_asked_of_them() {
    let fixture = Fixture::start();
    fixture.write(&fixture.reader);
    fixture.assert_read(1);
    for at in 3..6 {
        // Nothing but reads was sent to them in the first place.
        let refused = fixture.cluster.figure(at, "errorstats", "errorstat_MOVED");
        assert_eq!(refused, None, "node {at}");
    }
    for at in 0..6 {
        fixture.ask(at, &["CONFIG", "RESETSTAT"]);
    }
    fixture.assert_read(1);
    let steps: Vec<u64> = (0..6).map(|at| fixture.steps(at)).collect();
    let (primaries, replicas) = steps.split_at(3);
    assert!(replicas.iter().all(|steps| *steps > 0), "{steps:?}");
    // Only of what a replica does not have is its primary asked.
    assert!(primaries.iter().all(|steps| *steps < 2), "{steps:?}");
}

#[test]
fn a_replica_that_is_dead_or_frozen_is_done_without() {
    let mut fixture = Fixture::start();
    fixture.write(&fixture.writer);
    fixture.cluster.kill(4);
    fixture.assert_read(1);
    fixture.write(&fixture.writer);
    fixture.assert_read(2);
    fixture.cluster.restart(4);
    fixture.cluster.wait_until_whole();
    fixture.assert_read(2);
    fixture.cluster.pause(5);
    fixture.write(&fixture.writer);
    fixture.assert_read(3);
    let again = fixture.assert_read(3);
    fixture.cluster.resume(5);
    assert!(again < Duration::from_secs(2), "it is not asked again and again: {again:?}");
}

#[test]
fn a_replica_that_is_cut_off_from_its_primary_is_not_believed() {
    let fixture = Fixture::start();
    fixture.write(&fixture.writer);
    for at in 3..6 {
        fixture.ask(at, &["CONFIG", "SET", "masterauth", "wrong"]);
        fixture.ask(at, &["CLIENT", "KILL", "TYPE", "master"]);
        wait_for("a replica to lose its primary", || match fixture.role_word(at, 3).as_str() {
            "connected" => Err("it follows still".to_owned()),
            _ => Ok(()),
        });
    }
    fixture.write(&fixture.writer);
    fixture.assert_read(2);
}

#[test]
fn a_slot_that_is_moving_is_read_where_it_is() {
    let fixture = Fixture::start();
    fixture.write(&fixture.writer);
    let Value::Array(keys) = fixture.ask(0, &["KEYS", "*:f:1:*"]) else { panic!("no list") };
    assert!(!keys.is_empty(), "the first node has flows");
    let mut slots: Vec<u16> = keys
        .iter()
        .map(|key| {
            let mut command = cmd("CLUSTER");
            command.arg("KEYSLOT");
            let Value::BulkString(key) = key else { panic!("{key:?}") };
            match fixture.cluster.try_ask(0, command.arg(key).clone()) {
                Ok(Value::Int(slot)) => u16::try_from(slot).expect("a slot"),
                other => panic!("{other:?}"),
            }
        })
        .collect();
    slots.dedup();
    for slot in &slots {
        fixture.cluster.move_keys(*slot, 1).expect("keys move");
    }
    wait_for("the replica to hear of it", || match fixture.ask(3, &["KEYS", "*:f:1:*"]) {
        Value::Array(keys) if keys.is_empty() => Ok(()),
        other => Err(format!("{other:?}")),
    });
    fixture.assert_read(1);
}
