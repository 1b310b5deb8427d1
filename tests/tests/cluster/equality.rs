//! The same records through one process on a directory, and through three front ends on a cluster:
//! every read gives the same bytes.

use std::time::Duration;

use flow_tests::client::agent;
use flow_tests::front_end::FrontEnd;
use flow_tests::redis_cluster::RedisCluster;
use serde_json::Value;

use crate::random::Random;

const RECORDS: usize = 1_000_000;
const PER_WRITE: usize = 10_000;
const FIRST_HOUR: usize = 490_000;

#[test]
fn a_million_records_read_the_same_from_a_cluster_and_from_a_directory() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let cluster = RedisCluster::start(3, 1);
    let url = cluster.url("equality");
    let data = directory.path().join("data");
    let data = data.to_str().expect("a path is text");
    let single = FrontEnd::start("fas-single", &["--data", data], directory.path());
    let fronts: Vec<FrontEnd> = (0..3)
        .map(|n| FrontEnd::start(&format!("fas-{n}"), &["--store", &url], directory.path()))
        .collect();
    let ports: Vec<u16> = fronts.iter().map(FrontEnd::port).collect();
    let writers: Vec<_> = (0..4_usize)
        .map(|n| {
            let (single, ports) = (single.port(), ports.clone());
            std::thread::spawn(move || {
                for write in (n..RECORDS / PER_WRITE).step_by(4) {
                    let (path, body) = body(write);
                    send(single, path, &body);
                    send(ports[write % ports.len()], path, &body);
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().expect("a writer ends well");
    }
    let mut compared = 0;
    for (path, kind) in reads() {
        let expected = single.get_as(&path, kind).expect("the directory is read");
        assert_eq!(expected.0, 200, "{path}: {}", String::from_utf8_lossy(&expected.1));
        assert!(expected.1.len() > 50, "{path} reads something");
        for front in &fronts {
            let found = front.get_as(&path, kind).expect("the cluster is read");
            assert_eq!(found.0, 200, "{path}: {}", String::from_utf8_lossy(&found.1));
            let (found, expected) = (comparable(&path, &found.1), comparable(&path, &expected.1));
            assert!(found == expected, "{path} differs: {}", first_difference(&found, &expected));
        }
        compared += expected.1.len();
    }
    pages_are_the_same(&single, &fronts);
    println!("{RECORDS} records, {compared} bytes of answers, three times the same");
}

/// Direct writes, and batches of either side.
pub fn body(write: usize) -> (&'static str, String) {
    let mut random = Random::new(write as u64);
    let mut record = || {
        let hour = FIRST_HOUR + random.below(3);
        // A few talk much, and many a little.
        let (most, most_dests) = (1 + random.below(400), 1 + random.below(300));
        let source = random.below(most);
        let dest = random.below(most_dests);
        let vpc = random.below(3);
        let (tx, rx) = (random.next() >> 24, random.next() >> 34);
        (hour, format!("app-{source}"), format!("app-{dest}"), format!("vpc-{vpc}"), tx, rx)
    };
    if write.is_multiple_of(2) {
        let lines = (0..PER_WRITE).map(|_| {
            let (hour, src, dest, vpc, tx, rx) = record();
            format!(
                "{{\"src_app\":\"{src}\",\"dest_app\":\"{dest}\",\"vpc_id\":\"{vpc}\",\
                 \"bytes_tx\":{tx},\"bytes_rx\":{rx},\"hour\":{hour}}}\n"
            )
        });
        return ("/flows", lines.collect());
    }
    let mut hours = [const { Vec::new() }; 3];
    for _ in 0..PER_WRITE {
        let (hour, src, dest, vpc, tx, rx) = record();
        hours[hour - FIRST_HOUR].push(format!("[\"{src}\",\"{dest}\",\"{vpc}\",{tx},{rx}]"));
    }
    let hours: Vec<String> = (FIRST_HOUR..)
        .zip(&hours)
        .map(|(hour, flows)| format!("{{\"hour\":{hour},\"flows\":[{}]}}", flows.join(",")))
        .collect();
    let side = if write % 4 == 1 { "source" } else { "destination" };
    // Each instance sends one batch, so that their order does not matter.
    let batch = format!(
        "{{\"version\":1,\"instance\":\"i-{write}\",\"sequence\":1,\"reporter\":\"{side}\",\
         \"watermark_ms\":{},\"lost_bytes\":{},\"folded_bytes\":0,\"ended\":true,\"hours\":[{}]}}",
        (FIRST_HOUR + 4) * 3_600_000,
        write % 3,
        hours.join(",")
    );
    ("/v1/batches", batch)
}

pub fn send(port: u16, path: &str, body: &str) {
    let (status, answer) = status_of(port, path, body);
    assert_eq!(status, 200, "{path}: {answer}");
}

/// Status and body of the answer to a write.
pub fn status_of(port: u16, path: &str, body: &str) -> (u16, String) {
    let agent = agent(Duration::from_secs(60));
    let kind = if path == "/flows" { "application/x-ndjson" } else { "application/json" };
    let request = agent.post(format!("http://127.0.0.1:{port}{path}")).header("content-type", kind);
    let mut answer = request.send(body).expect("an answer");
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap_or_default())
}

/// Reads of every endpoint, in every format, with filters of every kind.
pub fn reads() -> Vec<(String, &'static str)> {
    let (from, to) = (FIRST_HOUR, FIRST_HOUR + 3);
    let mut paths = vec![
        format!("/flows?hour={from}"),
        "/v1/hours".to_owned(),
        format!("/v1/hours?from={from}&to={to}&src_app=app-1*"),
        "/v1/hours?reporter=destination".to_owned(),
        format!("/v1/audit?from={from}&to={to}&limit=1000"),
        format!("/v1/audit?hour={from}&include=one_sided&limit=1000"),
        format!("/v1/completeness?hour={from}"),
        "/v1/instances".to_owned(),
        format!("/v1/hints?field=dest_app&prefix=app-1&hour={from}"),
    ];
    for by in [
        "",
        "src_app",
        "dest_app",
        "vpc_id",
        "hour",
        "src_app,dest_app",
        "src_app,dest_app,vpc_id,hour",
    ] {
        for order in ["bytes_tx", "flows"] {
            paths.push(format!(
                "/v1/summary?from={from}&to={to}&group_by={by}&order_by={order}&limit=500"
            ));
        }
    }
    let json = "application/json";
    let mut reads: Vec<_> = paths.into_iter().map(|path| (path, json)).collect();
    let all = format!("/v1/flows?from={from}&to={to}");
    reads.push((format!("{all}&limit=10000"), json));
    for kind in ["text/csv", "application/vnd.apache.arrow.stream"] {
        reads.push((all.clone(), kind));
    }
    for filter in [
        "",
        "&src_app=app-7",
        "&src_app=app-1*&dest_app=app-2",
        "&vpc_id=vpc-1&dest_app=app-9*",
        "&reporter=source&src_app=app-3",
        "&reporter=destination&vpc_id=vpc-2",
    ] {
        reads.push((format!("{all}{filter}"), "application/x-ndjson"));
    }
    reads
}

/// An answer without what depends on when it was written: when instances were last heard.
pub fn comparable(path: &str, body: &[u8]) -> Vec<u8> {
    if path != "/v1/instances" {
        return body.to_vec();
    }
    let mut value: Value = serde_json::from_slice(body).expect("instances are JSON");
    for instance in value["instances"].as_array_mut().into_iter().flatten() {
        let was = instance.as_object_mut().and_then(|one| one.remove("last_seen"));
        assert!(was.is_some(), "{path}: {instance}");
    }
    value.to_string().into_bytes()
}

/// Each page comes from another front end.
fn pages_are_the_same(single: &FrontEnd, fronts: &[FrontEnd]) {
    let mut after = String::new();
    for page in 0.. {
        let path = format!(
            "/v1/flows?from={FIRST_HOUR}&to={}&src_app=app-1*&limit=777{after}",
            FIRST_HOUR + 3
        );
        let expected = single.get(&path).expect("the directory is read");
        let found = fronts[page % fronts.len()].get(&path).expect("the cluster is read");
        assert_eq!(found, expected, "{path}");
        let answer: Value = serde_json::from_slice(&found.1).expect("a page is JSON");
        match answer["next_cursor"].as_str() {
            Some(next) => after = format!("&cursor={next}"),
            None => {
                assert!(page > 5, "there are several pages");
                return;
            }
        }
    }
}

pub fn first_difference(found: &[u8], expected: &[u8]) -> String {
    let at = found.iter().zip(expected).position(|(a, b)| a != b);
    let at = at.unwrap_or(found.len().min(expected.len()));
    let around = |bytes: &[u8]| {
        let end = bytes.len().min(at + 100);
        String::from_utf8_lossy(&bytes[at.saturating_sub(60).min(end)..end]).into_owned()
    };
    format!("at byte {at}:\n{}\nin place of\n{}", around(found), around(expected))
}
