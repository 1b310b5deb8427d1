//! The commands that are clients, against the real server.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::fas::{Fas, command, directory};

fn client(fas: &Fas, arguments: &[&str]) -> Command {
    let mut command = command(arguments);
    command.env("FAS_URL", fas.url(""));
    command
}

/// What a command prints when all is well.
fn printed(fas: &Fas, arguments: &[&str]) -> String {
    let output = client(fas, arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn rows(fas: &Fas, arguments: &[&str]) -> Vec<Value> {
    let output = printed(fas, &[arguments, &["--output", "json"]].concat());
    serde_json::from_str(&output).unwrap()
}

/// A file with `count` flows of hour 7, each with one byte more than the one before.
fn flows_file(directory: &Path, count: usize) -> String {
    let path = directory.join("flows.csv");
    let mut text = "hour,src_app,dest_app,vpc_id,bytes_tx,bytes_rx\n".to_owned();
    text.extend((0..count).map(|n| format!("7,app-{n:05},d-{},v,{n},1\n", n % 10)));
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn an_import_is_applied_once_and_listed_in_full() {
    let (data, files) = (directory(), directory());
    let fas = Fas::start(data.path());
    let file = flows_file(files.path(), 10_500);
    let first = printed(&fas, &["import", &file]);
    assert_eq!(first, "imported 10500 flows (0 chunks were there already)\n");
    let again = printed(&fas, &["import", &file]);
    assert_eq!(again, "imported 0 flows (11 chunks were there already)\n");
    let listed = rows(&fas, &["flows", "--hour", "7"]);
    assert_eq!(listed, fas.flows(7), "more than a page, and each flow once");
    let csv = printed(&fas, &["flows", "--hour=7", "--output=csv", "--src-app=app-0000*"]);
    assert_eq!(csv.lines().count(), 11);
    assert_eq!(csv.lines().last(), Some("app-00009,d-9,v,9,1,7"));
    let table = printed(&fas, &["flows", "--from=0", "--to=8", "--dest-app=d-3", "--limit=1050"]);
    assert_eq!(table.lines().count(), 1_052);
}

#[test]
fn a_sum_out_of_range_is_named_by_its_place_in_the_file() {
    let (data, files) = (directory(), directory());
    let fas = Fas::start(data.path());
    let most = json!([{"src_app": "app-01234", "dest_app": "d-4", "vpc_id": "v",
                       "bytes_tx": i64::MAX, "bytes_rx": 0, "hour": 7}]);
    fas.post("/flows", most.to_string());
    let file = flows_file(files.path(), 1_500);
    let output = client(&fas, &["import", &file, "--parallel=1"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("index 1234 (line 1236), field bytes_tx: the server says 409"), "{said}");
    assert!(said.contains("chunk 0 of 1000 flows each are imported, and nothing else"), "{said}");
    assert_eq!(fas.flows(7).len(), 1_001);
}

#[test]
fn summaries_add_up_to_the_whole() {
    let (data, files) = (directory(), directory());
    let fas = Fas::start(data.path());
    printed(&fas, &["import", &flows_file(files.path(), 100)]);
    let top = rows(&fas, &["top", "--hour=7", "--by=src_app", "--order=bytes_tx", "--limit=3"]);
    let names: Vec<_> = top.iter().map(|row| row["src_app"].as_str().unwrap()).collect();
    assert_eq!(names, ["app-00099", "app-00098", "app-00097", "_rest"]);
    let sum: u64 = top.iter().map(|row| row["bytes_tx"].as_u64().unwrap()).sum();
    assert_eq!(sum, (0..100).sum::<u64>());
    let table = printed(&fas, &["top", "--hour=7", "--limit=3"]);
    assert!(table.contains("(97 more)") && table.contains("total"), "{table}");
    let hours = rows(&fas, &["hours"]);
    assert_eq!((&hours[0]["hour"], &hours[0]["bytes_tx"]), (&json!(7), &json!(sum)));
    assert!(printed(&fas, &["hours"]).contains("1970-01-01 07:00"));
    assert!(printed(&fas, &["top"]).contains("There is nothing."));
}

#[test]
fn instances_are_listed_over_all_pages() {
    let data = directory();
    let fas = Fas::start(data.path());
    for n in 0..1_001 {
        let batch = json!({"version": 1, "instance": format!("i-{n:04}"), "sequence": 1,
                           "reporter": "source", "watermark_ms": 5, "lost_bytes": 3,
                           "folded_bytes": 4, "hours": []});
        assert_eq!(fas.post("/v1/batches", batch.to_string()).status, 200);
    }
    assert_eq!(rows(&fas, &["instances"]).len(), 1_001);
    assert_eq!(printed(&fas, &["instances"]).lines().count(), 1_003);
}

#[test]
fn a_stream_is_followed() {
    let data = directory();
    let fas = Fas::start(data.path());
    let mut child = client(&fas, &["tail", "--output=ndjson", "--limit=2", "--src-app=a*"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let flow = |tx: u64| {
        json!([{"src_app": "app", "dest_app": "d", "vpc_id": "v", "bytes_tx": tx,
                "bytes_rx": 0, "hour": 7}])
        .to_string()
    };
    // The stream begins at a moment that nobody outside knows: write until it is seen.
    let (seen, first) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let parse = |line: std::io::Result<String>| -> Value {
            serde_json::from_str(&line.unwrap()).unwrap()
        };
        let line = lines.next().map(parse).unwrap();
        seen.send(()).unwrap();
        (line, lines.next().map(parse).unwrap())
    });
    while first.try_recv().is_err() {
        assert_eq!(fas.post("/flows", flow(1)).status, 200);
        std::thread::yield_now();
    }
    fas.post("/flows", flow(1_000));
    let (first, second) = reader.join().unwrap();
    assert_eq!((&first["src_app"], &first["change_tx"]), (&json!("app"), &Value::Null));
    let change = second["bytes_tx"].as_u64().unwrap() - first["bytes_tx"].as_u64().unwrap();
    assert_eq!(second["change_tx"], change);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
