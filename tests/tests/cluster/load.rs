//! Writers that do as filters do: a batch is sent, again and again to whoever takes it, until it
//! is acknowledged; and what was acknowledged is noted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use flow_tests::client::agent;
use flow_tests::front_end::FrontEnd;
use serde_json::{Value, json};
use ureq::Agent;

use crate::random::Random;

/// Hour, side, source, destination, VPC.
pub type Key = (u64, &'static str, String, String, String);

/// Bytes sent and received by flow.
pub type Sums = BTreeMap<Key, (u64, u64)>;

/// The first hour that is written.
pub const FIRST_HOUR: u64 = 490_000;
pub const HOURS: u64 = 3;

/// Writers at work.
pub struct Load {
    stop: Arc<AtomicBool>,
    pub acknowledged: Arc<AtomicU64>,
    writers: Vec<JoinHandle<Sums>>,
}

impl Load {
    /// Starts filters and direct writers that send to these ports.
    pub fn start(seed: u64, ports: &[u16], filters: usize, direct: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(AtomicU64::new(0));
        let writer = |n: usize, is_direct: bool| {
            let writer = Writer {
                name: format!("writer-{seed}-{n}"),
                random: Random::new(seed.wrapping_mul(1_000).wrapping_add(n as u64)),
                ports: ports.to_vec(),
                agent: agent(Duration::from_secs(5)),
                acknowledged: Arc::clone(&acknowledged),
                sums: Sums::new(),
            };
            let stop = Arc::clone(&stop);
            spawn(move || writer.run(&stop, is_direct))
        };
        let writers = (0..filters + direct).map(|n| writer(n, n >= filters)).collect();
        Self { stop, acknowledged, writers }
    }

    /// Lets the writers end what they have begun, and gives what was acknowledged.
    pub fn finish(self) -> Sums {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Sums::new();
        for writer in self.writers {
            for (key, (tx, rx)) in writer.join().expect("a writer ends well") {
                let sum = all.entry(key).or_default();
                *sum = (sum.0 + tx, sum.1 + rx);
            }
        }
        all
    }
}

struct Writer {
    name: String,
    random: Random,
    ports: Vec<u16>,
    agent: Agent,
    acknowledged: Arc<AtomicU64>,
    sums: Sums,
}

impl Writer {
    fn run(mut self, stop: &AtomicBool, is_direct: bool) -> Sums {
        for sequence in 1.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            if is_direct {
                self.write(sequence)
            } else {
                self.push(sequence)
            }
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        self.sums
    }

    /// A batch of one side, of one source or of several.
    fn push(&mut self, sequence: u64) {
        let is_inbound = self.random.below(3) == 0;
        let reporter = if is_inbound { "destination" } else { "source" };
        let mut hours: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
        let flows = self.flows(is_inbound);
        for (hour, src, dest, vpc, tx, rx) in &flows {
            hours.entry(*hour).or_default().push(json!([src, dest, vpc, tx, rx]));
        }
        let hours: Vec<Value> =
            hours.iter().map(|(hour, flows)| json!({"hour": hour, "flows": flows})).collect();
        let body = json!({
            "version": 1, "instance": self.name, "sequence": sequence, "reporter": reporter,
            "watermark_ms": sequence, "lost_bytes": 0, "folded_bytes": 0, "hours": hours,
        });
        self.send("/v1/batches", None, &body.to_string());
        self.note(reporter, flows);
    }

    /// A direct write with a key.
    fn write(&mut self, sequence: u64) {
        let flows = self.flows(sequence.is_multiple_of(2));
        let list: Vec<Value> = flows
            .iter()
            .map(|(hour, src, dest, vpc, tx, rx)| {
                json!({"src_app": src, "dest_app": dest, "vpc_id": vpc, "hour": hour,
                       "bytes_tx": tx, "bytes_rx": rx})
            })
            .collect();
        let key = format!("{}-{sequence}", self.name);
        self.send("/flows", Some(&key), &Value::Array(list).to_string());
        self.note("source", flows);
    }

    fn flows(&mut self, of_many: bool) -> Vec<(u64, String, String, String, u64, u64)> {
        let source = self.random.below(12);
        let count = 1 + self.random.below(12);
        let mut one = |_| {
            let random = &mut self.random;
            let source = if of_many { random.below(12) } else { source };
            let hour = FIRST_HOUR + random.below(HOURS as usize) as u64;
            let (dest, vpc) = (random.below(8), random.below(2));
            let (tx, rx) = (random.below(10_000) as u64, random.below(10_000) as u64);
            (hour, format!("app-{source}"), format!("app-{dest}"), format!("vpc-{vpc}"), tx, rx)
        };
        (0..count).map(&mut one).collect()
    }

    fn note(&mut self, side: &'static str, flows: Vec<(u64, String, String, String, u64, u64)>) {
        for (hour, src, dest, vpc, tx, rx) in flows {
            let sum = self.sums.entry((hour, side, src, dest, vpc)).or_default();
            *sum = (sum.0 + tx, sum.1 + rx);
        }
    }

    /// Sends until it is acknowledged, each time to another front end.
    fn send(&mut self, path: &str, key: Option<&str>, body: &str) {
        loop {
            let port = self.ports[self.random.below(self.ports.len())];
            let mut request = self.agent.post(format!("http://127.0.0.1:{port}{path}"));
            request = request.header("content-type", "application/json");
            if let Some(key) = key {
                request = request.header("idempotency-key", key);
            }
            let refusal = match request.send(body) {
                Ok(mut answer) => match answer.status().as_u16() {
                    200 => return,
                    503 | 429 | 408 => String::new(),
                    status => {
                        let text = answer.body_mut().read_to_string().unwrap_or_default();
                        format!("{status}: {text}")
                    }
                },
                Err(_) => String::new(),
            };
            assert_eq!(refusal, "", "{path} of {body}");
            sleep(Duration::from_millis(20));
        }
    }
}

/// What a front end says there is, side by side.
pub fn stored(front_end: &FrontEnd) -> Result<Sums, String> {
    let mut sums = Sums::new();
    for side in ["source", "destination"] {
        let to = FIRST_HOUR + HOURS;
        let path = format!("/v1/flows?from={FIRST_HOUR}&to={to}&reporter={side}");
        let (status, body) = front_end.get_as(&path, "application/x-ndjson")?;
        let body = String::from_utf8_lossy(&body);
        if status != 200 {
            return Err(format!("{status}: {body}"));
        }
        for line in body.lines().filter(|line| !line.is_empty()) {
            let row: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
            let name = |field: &str| row[field].as_str().map(str::to_owned);
            let number = |field: &str| row[field].as_u64();
            let (Some(src), Some(dest), Some(vpc), Some(hour), Some(tx), Some(rx)) = (
                name("src_app"),
                name("dest_app"),
                name("vpc_id"),
                number("hour"),
                number("bytes_tx"),
                number("bytes_rx"),
            ) else {
                continue;
            };
            sums.insert((hour, side, src, dest, vpc), (tx, rx));
        }
    }
    Ok(sums)
}

/// Panics if what is stored is not what was acknowledged, and says how it differs.
pub fn assert_exact(front_end: &FrontEnd, expected: &Sums, run: &str) {
    let stored = stored(front_end).unwrap_or_else(|error| panic!("{run}: {error}"));
    let expected: Sums = expected
        .iter()
        .filter(|(_, sums)| **sums != (0, 0))
        .map(|(k, v)| (k.clone(), *v))
        .collect();
    let mut differences = Vec::new();
    for key in stored.keys().chain(expected.keys()) {
        let (has, should) = (stored.get(key), expected.get(key));
        if has != should {
            differences.push(format!("{key:?}: {has:?} in place of {should:?}"));
        }
    }
    differences.sort();
    differences.dedup();
    let count = differences.len();
    differences.truncate(20);
    assert!(differences.is_empty(), "{run}: {count} flows differ:\n{}", differences.join("\n"));
}
