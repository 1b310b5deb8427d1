//! `fas import --spill`: replays the batches that filters have written into Envoy's log, because
//! nobody had confirmed them when it ended. Those that had arrived are known, and count once.

use std::io::{BufRead, BufReader, Read};
use std::thread;

use flow_model::Status;
use flow_model::wire::{SPILL_MARK, decode_answer, decode_batch, spilled};
use serde_json::Value;

use super::source::Source;
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::retry::Backoff;
use crate::limits::IMPORT_ATTEMPTS;

/// The fields in which loggers have the text of a line that is JSON.
const TEXT_FIELDS: [&str; 3] = ["msg", "message", "log"];

/// A batch of a log.
struct Batch {
    place: String,
    instance: String,
    sequence: u64,
    body: String,
}

/// How many batches there were.
#[derive(Default)]
pub(super) struct Replayed {
    applied: u64,
    duplicate: u64,
}

impl Replayed {
    /// What was done, in a line.
    pub fn line(&self) -> String {
        let (applied, duplicate) = (self.applied, self.duplicate);
        if applied + duplicate == 0 {
            return "there are no batches in it".to_owned();
        }
        format!("replayed {applied} batches ({duplicate} were there already)")
    }
}

/// Replays all batches of these logs.
///
/// # Errors
/// When one of them is not whole, before any is sent; when the server refuses one, or is not there.
pub(super) fn replay(client: &Client, logs: Vec<Source>) -> Result<Replayed, CliError> {
    let mut batches = Vec::new();
    for log in logs {
        let name = log.name.clone();
        read(log, &name, &mut batches)?;
    }
    in_order(&mut batches);
    let mut replayed = Replayed::default();
    for batch in batches {
        match send(client, &batch) {
            Ok(Status::Applied) => replayed.applied += 1,
            Ok(Status::Duplicate) => replayed.duplicate += 1,
            Err(cause) => {
                let (place, done) = (batch.place, replayed.line());
                return Err(CliError::Stopped { place, cause: Box::new(cause), done });
            }
        }
    }
    Ok(replayed)
}

/// Of an instance, the server takes a sequence below its last one for a resend. Lines and files
/// may come in any order.
fn in_order(batches: &mut [Batch]) {
    batches.sort_by(|a, b| (&a.instance, a.sequence).cmp(&(&b.instance, b.sequence)));
}

fn read(log: impl Read, name: &str, batches: &mut Vec<Batch>) -> Result<(), CliError> {
    for (line, bytes) in (1_u64..).zip(BufReader::new(log).split(b'\n')) {
        let bytes =
            bytes.map_err(|error| CliError::Input(format!("{name}: cannot be read: {error}")))?;
        let text = String::from_utf8_lossy(&bytes);
        let Some(body) = batch_in(&text) else { continue };
        let place = format!("{name}: line {line}");
        let batch = decode_batch(body.as_bytes()).map_err(|error| {
            CliError::Input(format!("{place}: the batch is not whole: {error}"))
        })?;
        let (instance, sequence) = (batch.instance.to_string(), batch.sequence);
        drop(batch);
        batches.push(Batch { place, instance, sequence, body });
    }
    Ok(())
}

/// The batch in a line: of plain text, or of JSON, which a container's logger may have put into
/// JSON of its own, or behind a prefix.
fn batch_in(line: &str) -> Option<String> {
    let mark = line.find(SPILL_MARK)?;
    let json = line.find('{').filter(|at| *at < mark).and_then(|at| line.get(at..));
    let Some(Ok(Value::Object(fields))) = json.map(serde_json::from_str) else {
        return spilled(line).map(str::to_owned);
    };
    let texts = TEXT_FIELDS.iter().filter_map(|name| fields.get(*name)?.as_str());
    texts.filter(|text| text.len() < line.len()).find_map(batch_in)
}

fn send(client: &Client, batch: &Batch) -> Result<Status, CliError> {
    let mut backoff = Backoff::default();
    loop {
        let headers = [("content-type", "application/json")];
        let error = match client.post("/v1/batches", &headers, batch.body.as_bytes()) {
            Ok(answer) => {
                let answer = decode_answer(&answer.body);
                let answer = answer.map_err(|error| CliError::Unexpected(error.to_string()))?;
                return Ok(answer.status);
            }
            Err(error) if error.is_transient() => error,
            Err(error) => return Err(error),
        };
        let pause = backoff.after_failure(error.retry_after());
        if backoff.failures() >= IMPORT_ATTEMPTS {
            return Err(error);
        }
        thread::sleep(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: &str = r#"{"version":1,"instance":"i","sequence":1,"reporter":"source","watermark_ms":0,"lost_bytes":0,"folded_bytes":0,"hours":[{"hour":1,"flows":[["a","b","v",1,2]]}]}"#;

    fn found(log: &str) -> Result<Vec<(String, String)>, String> {
        let mut batches = Vec::new();
        read(log.as_bytes(), "log", &mut batches).map_err(|error| error.to_string())?;
        Ok(batches.into_iter().map(|batch| (batch.place, batch.body)).collect())
    }

    #[test]
    fn batches_are_found_in_plain_logs_in_json_and_in_what_containers_make_of_both() {
        let text = format!("[1][warning][wasm] wasm log flow_filter: {SPILL_MARK}{BATCH}");
        let json = serde_json::json!({"level": "warning", "msg": format!("{text}\tthread=1")});
        let docker = serde_json::json!({"log": format!("{json}\n"), "stream": "stderr"});
        let cri = format!("2026-11-24T12:00:00Z stderr F {json}");
        let log = format!("x\n{text}\r\n{json}\n{docker}\n{cri}\n{{\"msg\":\"y\"}}\n");
        let expected: Vec<_> =
            (2..6).map(|line| (format!("log: line {line}"), BATCH.to_owned())).collect();
        assert_eq!(found(&log), Ok(expected));
    }

    #[test]
    fn what_came_first_is_sent_first_whatever_file_it_is_in() {
        let mut batches = Vec::new();
        for (name, sequences) in [("new", [12, 3]), ("old", [2, 1])] {
            let batch =
                |sequence| BATCH.replace("\"sequence\":1", &format!("\"sequence\":{sequence}"));
            let line = |sequence| format!("wasm log f: {SPILL_MARK}{}\n", batch(sequence));
            let log: String = sequences.into_iter().map(line).collect();
            read(log.as_bytes(), name, &mut batches).unwrap();
        }
        in_order(&mut batches);
        let order: Vec<u64> = batches.iter().map(|batch| batch.sequence).collect();
        assert_eq!(order, [1, 2, 3, 12]);
    }

    #[test]
    fn what_a_request_brings_into_an_access_log_is_no_batch() {
        let claim = format!("wasm log flow_filter: {SPILL_MARK}{BATCH}");
        let json = serde_json::json!({"user_agent": claim, "path": claim});
        assert_eq!(found(&format!("{json}\n[1] \"GET / HTTP/1.1\" \"{claim}\"\n")), Ok(vec![]));
    }

    #[test]
    fn a_batch_that_is_cut_off_is_an_error_that_names_its_line() {
        let log = format!("x\nwasm log f: {SPILL_MARK}{}\n", &BATCH[..BATCH.len() - 9]);
        let error = found(&log).unwrap_err();
        assert!(error.starts_with("log: line 2: the batch is not whole: "), "{error}");
    }
}
