//! `fas import --spill`: what can be replayed is, and what cannot is told and can be mended.

use std::path::Path;
use std::process::Output;

use serde_json::json;

use crate::fas::{Fas, command, directory};

/// The line of Envoy's log with a batch whose flow is of `hour` and of `sequence` bytes.
fn line(instance: &str, sequence: u64, hour: u64) -> String {
    let batch = json!({
        "version": 1, "instance": instance, "sequence": sequence, "reporter": "source",
        "watermark_ms": hour * 3_600_000, "lost_bytes": 0, "folded_bytes": 0,
        "hours": [{"hour": hour, "flows": [[instance, "d", "v", sequence, 0]]}]});
    // In the order in which a filter writes it: what is cut off at its end can still be told apart.
    let head = ["version", "instance", "sequence", "reporter", "watermark_ms", "lost_bytes"];
    let fields = head.iter().chain(&["folded_bytes", "hours"]);
    let fields: Vec<_> = fields.map(|name| format!("{name:?}:{}", batch[name])).collect();
    let body = format!("{{{}}}", fields.join(","));
    format!("[2026][warning][wasm] wasm log flow_filter: flow_filter-spill-v1 {body}\n")
}

fn cut(line: &str) -> String {
    format!("{}\n", &line[..line.len() - 20])
}

fn import(fas: &Fas, directory: &Path, log: &str, more: &[&str]) -> Output {
    let path = directory.join("envoy.log");
    std::fs::write(&path, log).unwrap();
    let mut command = command(&["import", "--spill"]);
    command.env("FAS_URL", fas.url("")).args(more).arg(path.file_name().unwrap());
    command.current_dir(directory).output().unwrap()
}

fn said(output: &Output, code: i32) -> Vec<String> {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    let bytes = if code == 0 { &output.stdout } else { &output.stderr };
    let prefix = if code == 0 { "" } else { "fas: " };
    let text = String::from_utf8_lossy(bytes);
    text.lines().map(|line| line.strip_prefix(prefix).unwrap().to_owned()).collect()
}

/// The bytes that an instance's flows add up to.
fn bytes_of(fas: &Fas, instance: &str) -> u64 {
    let flows = fas.flows(7);
    let of_it = flows.iter().filter(|flow| flow["src_app"] == instance);
    of_it.map(|flow| flow["bytes_tx"].as_u64().unwrap()).sum()
}

#[test]
fn a_line_that_is_cut_off_keeps_back_its_own_instance_until_it_is_mended() {
    let (data, files) = (directory(), directory());
    let fas = Fas::start(data.path());
    let [a1, a2, a4, b1] =
        [("a", 1), ("a", 2), ("a", 4), ("b", 1)].map(|(id, sequence)| line(id, sequence, 7));
    let log = [a4.as_str(), "x\n", &cut(&a2), &b1, &a1].concat();
    let lines = said(&import(&fas, files.path(), &log, &[]), 1);
    assert!(lines[0].starts_with("envoy.log: line 3: the batch is not whole: "), "{lines:?}");
    assert!(lines[1].starts_with("a: 1 batches, 4 to 4, are held back: "), "{lines:?}");
    assert_eq!(lines[2..], ["replayed 2 batches (0 were there already)"]);
    assert_eq!((bytes_of(&fas, "a"), bytes_of(&fas, "b")), (1, 1));

    // The whole line is found somewhere else; the cut one is still there.
    let mended = import(&fas, files.path(), &[log.as_str(), &a2].concat(), &[]);
    assert_eq!(said(&mended, 0), ["replayed 2 batches (2 were there already)"]);
    assert_eq!((bytes_of(&fas, "a"), bytes_of(&fas, "b")), (7, 1));
}

#[test]
fn a_batch_that_is_refused_keeps_back_its_own_instance_until_it_is_taken() {
    let (data, files) = (directory(), directory());
    let fas = Fas::start(data.path());
    // With batch 2, the sum would leave the range.
    let most = json!([{"src_app": "a", "dest_app": "d", "vpc_id": "v",
                       "bytes_tx": i64::MAX - 1, "bytes_rx": 0, "hour": 8}]);
    assert_eq!(fas.post("/flows", most.to_string()).status, 200);
    let log = [line("a", 1, 7), line("a", 2, 8), line("a", 3, 7), line("b", 5, 7)].concat();
    let lines = said(&import(&fas, files.path(), &log, &[]), 1);
    assert!(lines[0].starts_with("envoy.log: line 2: the server says 409 "), "{lines:?}");
    assert!(lines[1].starts_with("a: 1 batches, 3 to 3, are held back: "), "{lines:?}");
    assert_eq!(lines[2..], ["replayed 2 batches (0 were there already)"]);
    assert_eq!((bytes_of(&fas, "a"), bytes_of(&fas, "b")), (1, 5));
    // Had batch 3 gone first, the server would take batch 2 for a resend now, and say nothing.
    let lines = said(&import(&fas, files.path(), &log, &[]), 1);
    assert_eq!(lines[2..], ["replayed 0 batches (2 were there already)"]);
}

#[test]
fn a_dry_run_says_what_would_be_sent_and_sends_nothing() {
    let (data, files) = (directory(), directory());
    let fas = Fas::start(data.path());
    let log = [line("b", 5, 7), line("a", 2, 7), line("a", 1, 8), line("a", 1, 8)].concat();
    let output = import(&fas, files.path(), &log, &["--dry-run"]);
    assert_eq!(
        said(&output, 0),
        [
            "a: 2 batches, 1 to 2, with 2 flows of 3 bytes",
            "b: 1 batches, 5 to 5, with 1 flows of 5 bytes",
            "would replay 3 batches of 2 instances, with 3 flows of 8 bytes",
        ]
    );
    let with_fault = [log.as_str(), &cut(&line("b", 4, 7))].concat();
    let lines = said(&import(&fas, files.path(), &with_fault, &["--dry-run"]), 1);
    assert!(lines[0].contains("envoy.log: line 5: the batch is not whole"), "{lines:?}");
    assert!(lines[1].starts_with("b: 1 batches, 5 to 5, are held back"), "{lines:?}");
    assert_eq!(
        lines.last().unwrap(),
        "would replay 2 batches of 1 instances, with 2 flows of 3 bytes"
    );
    assert!(fas.flows(7).is_empty() && fas.flows(8).is_empty());

    // Nobody is asked.
    let mut alone = command(&["import", "--spill", "--dry-run", "envoy.log"]);
    alone.env("FAS_URL", "http://127.0.0.1:1").current_dir(files.path());
    std::fs::write(files.path().join("envoy.log"), &log).unwrap();
    assert!(alone.output().unwrap().status.success());
}

#[test]
fn without_a_server_the_rest_is_not_tried_and_faults_are_told_all_the_same() {
    let (data, files) = (directory(), directory());
    let fas = Fas::start(data.path());
    let tokens = files.path().join("tokens.toml");
    let created = command(&["token", "create", "--name", "t", "--scope", "admin", "--tokens"])
        .arg(&tokens)
        .output()
        .unwrap();
    assert!(created.status.success());
    drop(fas);
    let fas = Fas::start_with(
        data.path(),
        &["--listen", "127.0.0.1:0", "--tokens", tokens.to_str().unwrap()],
    );
    let log = [cut(&line("c", 1, 7)), line("a", 1, 7), line("b", 1, 7)].concat();
    let lines = said(&import(&fas, files.path(), &log, &[]), 3);
    assert!(lines[0].contains("envoy.log: line 1: the batch is not whole"), "{lines:?}");
    assert!(lines[1].starts_with("envoy.log: line 2: the server says 401 "), "{lines:?}");
    assert!(lines[1].ends_with("; nothing was sent after it"), "{lines:?}");
    assert_eq!(lines[2..], ["replayed 0 batches (0 were there already)"]);
}
