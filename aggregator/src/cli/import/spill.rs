//! `fas import --spill`: replays the batches that filters have written into Envoy's log, because
//! nobody had confirmed them when it ended. Those that had arrived are known, and count once.

use std::io::{BufRead, BufReader, Read};
use std::thread;

use flow_model::Status;
use flow_model::wire::{decode_answer, decode_batch, spilled};
use serde_json::Value;

use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::retry::Backoff;
use crate::limits::IMPORT_ATTEMPTS;

/// A batch of a log.
struct Batch {
    line: u64,
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
        format!("replayed {applied} batches ({duplicate} were there already)")
    }
}

/// Replays all batches of a log.
///
/// # Errors
/// When one of them is not whole, before any is sent; when the server refuses one, or is not there.
pub(super) fn replay(client: &Client, log: impl Read, name: &str) -> Result<Replayed, CliError> {
    let mut batches = read(log, name)?;
    // Of an instance, the server takes a sequence below its last one for a resend. Logs may have
    // been put together in any order.
    batches.sort_by(|a, b| (&a.instance, a.sequence).cmp(&(&b.instance, b.sequence)));
    let mut replayed = Replayed::default();
    for batch in &batches {
        match send(client, batch) {
            Ok(Status::Applied) => replayed.applied += 1,
            Ok(Status::Duplicate) => replayed.duplicate += 1,
            Err(cause) => {
                let place = format!("{name}: line {}", batch.line);
                let (cause, done) = (Box::new(cause), replayed.line());
                return Err(CliError::Stopped { place, cause, done });
            }
        }
    }
    Ok(replayed)
}

fn read(log: impl Read, name: &str) -> Result<Vec<Batch>, CliError> {
    let mut batches = Vec::new();
    for (line, bytes) in (1..).zip(BufReader::new(log).split(b'\n')) {
        let bytes =
            bytes.map_err(|error| CliError::Input(format!("{name}: cannot be read: {error}")))?;
        let text = String::from_utf8_lossy(&bytes);
        let Some(body) = batch_in(&text) else { continue };
        let batch = decode_batch(body.as_bytes()).map_err(|error| {
            CliError::Input(format!("{name}: line {line}: the batch is not whole: {error}"))
        })?;
        let (instance, sequence) = (batch.instance.to_string(), batch.sequence);
        drop(batch);
        batches.push(Batch { line, instance, sequence, body });
    }
    Ok(batches)
}

/// The batch in a line: of plain text, or of JSON that has it in one of its texts.
fn batch_in(line: &str) -> Option<String> {
    let plain = spilled(line)?;
    let Ok(Value::Object(fields)) = serde_json::from_str(line) else {
        return Some(plain.to_owned());
    };
    let mut texts = fields.values().filter_map(Value::as_str);
    texts.find_map(spilled).map(str::to_owned)
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

    #[test]
    fn batches_are_found_in_plain_logs_and_in_json() {
        let json = serde_json::json!({"level": "warning", "msg": format!("wasm log: flow_filter-spill-v1 {BATCH}")});
        let log =
            format!("x\n[warning] flow_filter-spill-v1 {BATCH}\r\n{json}\n{{\"msg\":\"y\"}}\n");
        let batches = read(log.as_bytes(), "log").unwrap();
        let found: Vec<_> = batches.iter().map(|batch| (batch.line, &*batch.body)).collect();
        assert_eq!(found, [(2, BATCH), (3, BATCH)]);
    }

    #[test]
    fn a_batch_that_is_cut_off_is_an_error_that_names_its_line() {
        let log = format!("x\nflow_filter-spill-v1 {}\n", &BATCH[..BATCH.len() - 9]);
        let error = read(log.as_bytes(), "log").err().unwrap().to_string();
        assert!(error.starts_with("log: line 2: the batch is not whole: "), "{error}");
    }
}
