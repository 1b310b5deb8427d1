//! More than the service can take: clients that send all they have at once. Whatever is too much
//! is refused in the right way, memory stays bounded, and what was acknowledged is there, once.
//! How fast this goes is measured by `cargo xtask bench overload`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::fas::{Fas, directory};

const CLIENTS: u64 = 32;
const REQUESTS: u64 = 24;

/// Long names make a body that is heavy to keep and quick to read.
const NAME_LENGTH: usize = 250;
const RECORDS: u64 = 1_000;

/// Less than all that fas is sent (some 650 MB), and nearly twice what it needs, however much
/// that is.
const MOST_MEMORY_KB: u64 = 500_000;

/// What became of a client's requests.
#[derive(Default)]
struct Outcome {
    acknowledged: u64,
    refused: u64,
}

#[test]
fn too_much_is_refused_and_nothing_acknowledged_is_lost_or_doubled() {
    let data = directory();
    let fas = Fas::start(data.path());
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let address = &fas.address;
        let clients: Vec<_> =
            (0..CLIENTS).map(|client| scope.spawn(move || send_all(client, address))).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let refused: u64 = outcomes.iter().map(|outcome| outcome.refused).sum();
    println!("{refused} of {} requests were refused", CLIENTS * REQUESTS);
    let peak = peak_memory_kb(fas.id());
    assert!(peak < MOST_MEMORY_KB, "{peak} kB");

    // A client has a source app of its own, and every record of it has one byte.
    let expected: BTreeMap<String, u64> = (0..CLIENTS)
        .zip(&outcomes)
        .map(|(client, outcome)| (source(client), outcome.acknowledged * RECORDS))
        .filter(|(_, bytes)| *bytes > 0)
        .collect();
    assert!(!expected.is_empty(), "some of it was taken");
    let mut found = BTreeMap::new();
    for flow in fas.flows(1) {
        let source = flow["src_app"].as_str().unwrap().to_owned();
        *found.entry(source).or_insert(0) += flow["bytes_tx"].as_u64().unwrap();
    }
    assert_eq!(found, expected);
}

fn source(client: u64) -> String {
    format!("client-{client:0>width$}", width = NAME_LENGTH - "client-".len())
}

/// Sends all requests without waiting for an answer in between, and then reads the answers.
fn send_all(client: u64, address: &str) -> Outcome {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        let body = body(client);
        for _ in 0..REQUESTS {
            write!(
                writer,
                "POST /flows HTTP/1.1\r\nhost: fas\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\n\r\n",
                body.len()
            )
            .unwrap();
            writer.write_all(body.as_bytes()).unwrap();
        }
    });
    let mut reader = BufReader::new(stream);
    let mut outcome = Outcome::default();
    for _ in 0..REQUESTS {
        match read_answer(&mut reader) {
            (200, _) => outcome.acknowledged += 1,
            (503, true) => outcome.refused += 1,
            other => panic!("the status, and whether there is a retry-after: {other:?}"),
        }
    }
    sending.join().unwrap();
    outcome
}

fn body(client: u64) -> String {
    let name = |n: u64| format!("{n:0>NAME_LENGTH$}");
    let record = |n: u64| {
        json!({"src_app": source(client), "dest_app": name(n % 10), "vpc_id": name(0),
               "bytes_tx": 1, "bytes_rx": 0, "hour": 1})
    };
    json!((0..RECORDS).map(record).collect::<Vec<_>>()).to_string()
}

/// The status, and whether there is a `retry-after`.
fn read_answer(reader: &mut impl BufRead) -> (u16, bool) {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let status = line.split(' ').nth(1).unwrap().parse().unwrap();
    let (mut length, mut has_retry_after) = (0, false);
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "retry-after" => has_retry_after = true,
            _ => {}
        }
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
    (status, has_retry_after)
}

/// The most memory that a process has had, by `/proc`.
fn peak_memory_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
