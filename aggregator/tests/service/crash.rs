//! kill -9 at random moments under load: nothing acknowledged is lost, nothing is doubled.
//!
//! `FAS_CRASH_ROUNDS` sets the number of kills.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::fas::{Fas, agent, command, directory};

const DEFAULT_ROUNDS: u64 = 20;
const INSTANCES: u64 = 4;
const WRITERS: u64 = 3;

/// What the clients know at the end.
#[derive(Default)]
struct Witness {
    /// Direct writes, each under a key of its own: whether it was acknowledged.
    writes: Mutex<BTreeMap<String, bool>>,
    /// Bytes that were in acknowledged batches.
    delivered: AtomicU64,
    /// Bytes that were in acknowledged writes with keys, each sent until it was acknowledged.
    keyed: AtomicU64,
    stop: AtomicBool,
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_doubled() {
    let rounds = std::env::var("FAS_CRASH_ROUNDS").map_or(DEFAULT_ROUNDS, |n| n.parse().unwrap());
    let seed = RandomState::new().hash_one(0_u8);
    println!("seed {seed}");
    let data = directory();
    // A small checkpoint, so that many kills fall into one; and hours that leave memory and are
    // written to again all the time.
    let start = |listen: &str| {
        let small = ["--checkpoint-bytes", "20000", "--hot-hours", "1"];
        Fas::start_with(data.path(), &[&["--listen", listen], &small[..]].concat())
    };
    let mut fas = start("127.0.0.1:0");
    let address = fas.address.clone();
    let witness = Witness::default();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (witness, address) = (&witness, &address);
            scope.spawn(move || write_directly(writer, address, witness));
        }
        for writer in 0..WRITERS {
            let (witness, address) = (&witness, &address);
            scope.spawn(move || write_with_keys(writer, address, witness));
        }
        for instance in 0..INSTANCES {
            let (witness, address) = (&witness, &address);
            scope.spawn(move || deliver_batches(instance, address, witness));
        }
        // Also when something fails here: the clients would go on for ever.
        let _stop = StopOnDrop(&witness.stop);
        let mut random = seed;
        for _ in 0..rounds {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // The moment of the kill is what is random here; nothing waits for a result.
            std::thread::sleep(Duration::from_millis(20 + (random >> 33) % 150));
            fas.kill();
            fas = start(&address);
        }
    });
    check(&fas, &witness);
    fas.kill();
    check(&start(&address), &witness);
}

#[test]
fn a_journal_that_has_lost_its_second_half_is_refused() {
    let data = directory();
    let mut fas = Fas::start(data.path());
    for n in 0..50 {
        let body = json!([{"src_app": format!("app-{n}"), "dest_app": "d", "vpc_id": "v",
                           "bytes_tx": 1, "bytes_rx": 1, "hour": 1}]);
        assert_eq!(fas.post("/flows", body.to_string()).status, 200);
    }
    fas.kill();
    let journal = data.path().join("0.jnl");
    let mut bytes = std::fs::read(&journal).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[used / 2..].fill(0);
    std::fs::write(&journal, bytes).unwrap();
    // fjall takes it for a torn tail; whoever was told that its write is durable does not.
    let output =
        command(&["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("but 50 were acknowledged"), "{said}");
}

/// Writes one key after the other, never twice.
fn write_directly(writer: u64, address: &str, witness: &Witness) {
    for n in 0.. {
        if witness.stop.load(Ordering::Relaxed) {
            return;
        }
        let key = format!("writer-{writer}-{n}");
        let body = json!([
            {"src_app": key, "dest_app": "d", "vpc_id": "v", "bytes_tx": 1, "bytes_rx": 1, "hour": 1},
            {"src_app": key, "dest_app": "e", "vpc_id": "v", "bytes_tx": 1, "bytes_rx": 1, "hour": 3},
        ]);
        let acknowledged = post(address, "/flows", &body.to_string()).is_some();
        witness.writes.lock().unwrap().insert(key, acknowledged);
    }
}

/// Delivers batches as a filter does: the same bytes again until there is a receipt.
fn deliver_batches(instance: u64, address: &str, witness: &Witness) {
    for sequence in 1.. {
        if witness.stop.load(Ordering::Relaxed) {
            return;
        }
        let flows: Vec<_> = (0..20).map(|n| json!([format!("app-{n}"), "d", "v", 1, 0])).collect();
        let body = json!({
            "version": 1, "instance": format!("i-{instance}"), "sequence": sequence,
            "reporter": "source", "watermark_ms": 0, "lost_bytes": 0, "folded_bytes": 0,
            "hours": [{"hour": 2, "flows": flows}],
        })
        .to_string();
        let deadline = Instant::now() + Duration::from_secs(60);
        while post(address, "/v1/batches", &body).is_none() {
            assert!(Instant::now() < deadline, "a batch was not taken for a minute");
        }
        witness.delivered.fetch_add(20, Ordering::Relaxed);
    }
}

/// Writes with a key each: the same again until it is acknowledged.
fn write_with_keys(writer: u64, address: &str, witness: &Witness) {
    let body = json!([
        {"src_app": "keyed", "dest_app": "d", "vpc_id": "v", "bytes_tx": 1, "bytes_rx": 1, "hour": 4},
    ])
    .to_string();
    for n in 0.. {
        if witness.stop.load(Ordering::Relaxed) {
            return;
        }
        let key = format!("{writer}-{n}");
        let deadline = Instant::now() + Duration::from_secs(60);
        while post_with(address, "/flows", &body, Some(&key)).is_none() {
            assert!(Instant::now() < deadline, "a write was not taken for a minute");
        }
        witness.keyed.fetch_add(1, Ordering::Relaxed);
    }
}

/// The body of a 200; nothing when there is none, after a pause as clients make.
fn post(address: &str, path: &str, body: &str) -> Option<String> {
    post_with(address, path, body, None)
}

fn post_with(address: &str, path: &str, body: &str, key: Option<&str>) -> Option<String> {
    let mut request =
        agent().post(format!("http://{address}{path}")).header("content-type", "application/json");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let sent = request.config().timeout_global(Some(Duration::from_secs(10))).build().send(body);
    let body = sent.ok().and_then(|mut response| {
        (response.status() == 200).then(|| response.body_mut().read_to_string().ok()).flatten()
    });
    if body.is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    body
}

fn check(fas: &Fas, witness: &Witness) {
    let batches: u64 = fas.flows(2).iter().map(|flow| flow["bytes_tx"].as_u64().unwrap()).sum();
    assert_eq!(batches, witness.delivered.load(Ordering::Relaxed));
    let keyed: u64 = fas.flows(4).iter().map(|flow| flow["bytes_tx"].as_u64().unwrap()).sum();
    assert_eq!(keyed, witness.keyed.load(Ordering::Relaxed), "each key once");
    let found = |hour| -> BTreeMap<String, u64> {
        let name = |flow: &serde_json::Value| flow["src_app"].as_str().unwrap().to_owned();
        fas.flows(hour).iter().map(|f| (name(f), f["bytes_tx"].as_u64().unwrap())).collect()
    };
    let (first, second) = (found(1), found(3));
    assert_eq!(first, second, "both halves of every write, or none");
    let writes = witness.writes.lock().unwrap();
    assert!(writes.values().filter(|acknowledged| **acknowledged).count() > 100, "under load");
    for (key, acknowledged) in &*writes {
        match first.get(key) {
            Some(bytes) => assert_eq!(*bytes, 1, "{key} was doubled"),
            None => assert!(!acknowledged, "{key} was acknowledged and lost"),
        }
    }
    assert!(first.keys().all(|key| writes.contains_key(key)), "nothing that was not written");
}

#[test]
fn a_first_start_that_is_killed_does_not_keep_the_next_from_starting() {
    for milliseconds in 0..24 {
        let data = directory();
        let path = data.path().join("data");
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--data", path.to_str().unwrap()];
        let mut first = command(&arguments).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        first.kill().unwrap();
        first.wait().unwrap();
        drop(Fas::start(&path));
    }
}
