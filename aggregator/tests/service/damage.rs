//! A directory that has been damaged: it is refused in a sentence, or what was acknowledged is
//! there, to the byte. Never wrong figures.
//!
//! `FAS_FLIPS` sets the number of flipped bits.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::fas::{Fas, agent, command, directory, until};

const DEFAULT_FLIPS: u64 = 40;

/// What is in the directory: hours in memory and on disk, a log, dedupe records.
fn fill(data: &Path) -> BTreeMap<u32, Vec<Value>> {
    let arguments = ["--listen", "127.0.0.1:0", "--checkpoint-bytes", "30000", "--hot-hours", "1"];
    let mut fas = Fas::start_with(data, &arguments);
    for round in 0..3 {
        for hour in 1..=4 {
            let flows: Vec<Value> = (0..300)
                .map(|n| {
                    json!({"src_app": format!("app-{n}"), "dest_app": format!("d-{round}"),
                           "vpc_id": "v", "bytes_tx": n * 7 + 1, "bytes_rx": n, "hour": hour})
                })
                .collect();
            assert_eq!(fas.post("/flows", json!(flows).to_string()).status, 200);
            let batch = json!({
                "version": 1, "instance": format!("i-{hour}"), "sequence": round + 1,
                "reporter": "source", "watermark_ms": 0, "lost_bytes": 0, "folded_bytes": 0,
                "hours": [{"hour": hour, "flows": [["x", "y", "v", 1, 2]]}],
            });
            assert_eq!(fas.post("/v1/batches", batch.to_string()).status, 200);
        }
    }
    until("an hour has left memory", || fas.metric("fas_hot_hours") < fas.metric("fas_hours"));
    let contents = (1..=4).map(|hour| (hour, fas.flows(hour))).collect();
    fas.kill();
    contents
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Starts on a directory that may be damaged; gives what was said if it does not start.
fn try_start(data: &Path) -> Result<Fas, String> {
    let mut serve = command(&["serve", "--listen", "127.0.0.1:0", "--hot-hours", "1", "--data"]);
    Fas::try_launch(serve.arg(data)).map_err(|(status, said)| {
        assert_eq!(status.code(), Some(1), "it ends with an error, not by a signal: {said}");
        said
    })
}

/// What reads give must be right, or no answer.
fn check(fas: &Fas, expected: &BTreeMap<u32, Vec<Value>>, what: &str) {
    for (hour, flows) in expected {
        let sent = agent().get(fas.url(&format!("/flows?hour={hour}"))).call();
        let Ok(mut response) = sent else { continue };
        // A body that breaks off is no answer.
        let Ok(body) = response.body_mut().read_to_string() else { continue };
        if response.status() == 200 {
            let found: Vec<Value> = serde_json::from_str(&body).unwrap();
            assert_eq!(&found, flows, "hour {hour} after {what}");
        } else {
            assert_eq!(response.status(), 503, "{what}");
        }
    }
}

#[test]
fn a_flipped_bit_never_makes_wrong_figures() {
    let flips = std::env::var("FAS_FLIPS").map_or(DEFAULT_FLIPS, |n| n.parse().unwrap());
    let seed = RandomState::new().hash_one(0_u8);
    println!("seed {seed}");
    let data = directory();
    let expected = fill(data.path());
    let mut random = seed;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) as usize % below
    };
    let (mut refused, mut served) = (0, 0);
    for _ in 0..flips {
        let damaged = directory();
        copy(data.path(), damaged.path());
        let mut all = Vec::new();
        files(damaged.path(), &mut all);
        all.retain(|path| path.metadata().unwrap().len() > 0);
        all.sort();
        let path = &all[next(all.len())];
        let mut bytes = std::fs::read(path).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
        let (at, bit) = (next(used), next(8));
        bytes[at] ^= 1 << bit;
        std::fs::write(path, bytes).unwrap();
        let what = format!("bit {bit} of byte {at} of {} (seed {seed})", path.display());
        match try_start(damaged.path()) {
            Ok(fas) => {
                check(&fas, &expected, &what);
                served += 1;
            }
            Err(said) => {
                let last = said.lines().last().unwrap_or_default();
                assert!(last.starts_with("fas: cannot open "), "{what}: {said}");
                assert!(!said.contains("stack backtrace"), "{what}: {said}");
                refused += 1;
            }
        }
    }
    println!("{refused} refused, {served} served rightly or not at all");
}

#[test]
fn a_torn_tail_loses_nothing_that_was_acknowledged_unnoticed() {
    let data = directory();
    let expected = fill(data.path());
    for cut in [1, 7, 100, 3000] {
        let torn = directory();
        copy(data.path(), torn.path());
        let mut journals = Vec::new();
        files(torn.path(), &mut journals);
        journals.retain(|path| path.extension().is_some_and(|extension| extension == "jnl"));
        journals.sort();
        let newest = journals.last().unwrap();
        let mut bytes = std::fs::read(newest).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        bytes.truncate(used - cut);
        std::fs::write(newest, bytes).unwrap();
        match try_start(torn.path()) {
            Ok(fas) => check(&fas, &expected, &format!("a cut of {cut} bytes")),
            Err(said) => assert!(said.contains("were acknowledged"), "{cut}: {said}"),
        }
    }
}

#[test]
fn what_was_never_acknowledged_may_be_torn_off() {
    let data = directory();
    let expected = fill(data.path());
    let mut journals = Vec::new();
    files(data.path(), &mut journals);
    journals.retain(|path| path.extension().is_some_and(|extension| extension == "jnl"));
    journals.sort();
    let newest = journals.last().unwrap();
    let mut bytes = std::fs::read(newest).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    // The start of a write that a crash cut short.
    let half = bytes[..40].to_vec();
    bytes.truncate(used);
    bytes.extend_from_slice(&half[..20]);
    std::fs::write(newest, bytes).unwrap();
    let fas = try_start(data.path()).expect("a torn tail is no damage");
    for (hour, flows) in &expected {
        assert_eq!(&fas.flows(*hour), flows);
    }
}

#[test]
fn a_file_in_place_of_a_directory_is_an_error_that_names_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let said = try_start(file.path()).err().unwrap();
    assert!(said.contains(&format!("cannot open {}", file.path().display())), "{said}");
}
