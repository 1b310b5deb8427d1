//! `Log`: the batches in Envoy's logs, by instance and in order, and what is no whole batch.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufReader, Read};

use flow_model::wire::{SPILL_MARK, decode_batch, spilled};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::lines::{Line, Lines};
use crate::cli::error::CliError;
use crate::cli::import::source::Source;
use crate::limits::MAX_SPILL_LINE_BYTES;

/// The fields in which loggers have the text of a line that is JSON.
const TEXT_FIELDS: [&str; 3] = ["msg", "message", "log"];

/// What was found in logs.
#[derive(Default)]
pub(super) struct Log {
    /// The instances that have batches in them.
    pub instances: Vec<Waiting>,
    /// The lines that should have had a batch, in their order.
    pub faults: Vec<Fault>,
}

/// Where a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    log: String,
    line: u64,
}

/// A batch of a log.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub place: Place,
    pub sequence: u64,
    pub flows: u64,
    pub bytes: u128,
    pub body: String,
}

/// A line that should have had a batch.
#[derive(Debug)]
pub(super) struct Fault {
    pub place: Place,
    pub reason: String,
    /// Whose batch it was, and which, as far as that can still be read.
    batch: Option<(String, Option<u64>)>,
}

/// The batches of an instance.
#[derive(Debug)]
pub(super) struct Waiting {
    pub id: String,
    /// In order.
    batches: Vec<Batch>,
    /// How many of them come before the first that is not whole.
    sendable: usize,
}

impl Waiting {
    /// What can be sent.
    pub fn sendable(&self) -> std::slice::Iter<'_, Batch> {
        self.batches.get(..self.sendable).unwrap_or_default().iter()
    }

    /// What comes after a batch that is not whole.
    pub fn held_back(&self) -> &[Batch] {
        self.batches.get(self.sendable..).unwrap_or_default()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: line {}", self.log, self.line)
    }
}

impl Log {
    /// Reads all of these logs.
    ///
    /// # Errors
    /// When one cannot be read to its end.
    pub fn read(logs: Vec<Source>) -> Result<Self, CliError> {
        let mut finds = Finds::default();
        for log in logs {
            let name = log.name.clone();
            finds.read(log, &name, MAX_SPILL_LINE_BYTES)?;
        }
        Ok(finds.sorted())
    }
}

/// What was found, as it was found.
#[derive(Default)]
struct Finds {
    batches: BTreeMap<String, BTreeMap<u64, Batch>>,
    faults: Vec<Fault>,
}

impl Finds {
    fn read(&mut self, log: impl Read, name: &str, max_bytes: usize) -> Result<(), CliError> {
        let mut lines = Lines::new(BufReader::new(log), max_bytes);
        let unreadable = |error| CliError::Input(format!("{name}: cannot be read: {error}"));
        for number in 1.. {
            let Some(line) = lines.next_line().map_err(unreadable)? else { break };
            let place = Place { log: name.to_owned(), line: number };
            match line {
                Line::Whole(bytes) => {
                    for body in batches_in(&String::from_utf8_lossy(bytes)) {
                        self.note(place.clone(), body);
                    }
                }
                Line::TooLong(start) => {
                    let mut bodies = batches_in(&String::from_utf8_lossy(start));
                    let cut = bodies.pop().unwrap_or_default();
                    bodies.into_iter().for_each(|body| self.note(place.clone(), body));
                    let reason = format!("the line is longer than {max_bytes} bytes");
                    self.faults.push(Fault { place, reason, batch: whose(&cut) });
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, place: Place, body: String) {
        let batch = match decode_batch(body.as_bytes()) {
            Ok(batch) => batch,
            Err(error) => {
                let reason = format!("the batch is not whole: {error}");
                self.faults.push(Fault { place, reason, batch: whose(&body) });
                return;
            }
        };
        let (instance, sequence) = (batch.instance.to_string(), batch.sequence);
        let totals = batch.flows.iter().map(|flow| u128::from(flow.counters.bytes_total()));
        let bytes = totals.sum();
        let flows = batch.flows.len() as u64;
        drop(batch);
        let batch = Batch { place, sequence, flows, bytes, body };
        // The same line may be in several logs, or be there in plain text and in JSON.
        self.batches.entry(instance).or_default().entry(sequence).or_insert(batch);
    }

    fn sorted(mut self) -> Log {
        // What is whole somewhere else is not missing.
        let batches = &self.batches;
        self.faults.retain(|fault| match &fault.batch {
            Some((id, Some(sequence))) => {
                batches.get(id).is_none_or(|batches| !batches.contains_key(sequence))
            }
            _ => true,
        });
        let faults = &self.faults;
        let waiting = |(id, batches): (String, BTreeMap<u64, Batch>)| {
            let of_it = faults.iter().filter_map(|fault| fault.batch.as_ref());
            let missing = of_it.filter(|(owner, _)| *owner == id);
            // A batch without a readable sequence may be the first.
            let first = missing.map(|(_, sequence)| sequence.unwrap_or(0)).min();
            let sendable = batches.range(..first.unwrap_or(u64::MAX)).count();
            Waiting { id, batches: batches.into_values().collect(), sendable }
        };
        let instances = self.batches.into_iter().map(waiting).collect();
        Log { instances, faults: self.faults }
    }
}

/// The batches in a line: of plain text, or of JSON, which a container's logger may have put into
/// JSON of its own, or behind a prefix.
fn batches_in(line: &str) -> Vec<String> {
    let Some(mark) = line.find(SPILL_MARK) else { return Vec::new() };
    let json = line.find('{').filter(|at| *at < mark).and_then(|at| line.get(at..));
    let Some(Ok(Value::Object(fields))) = json.map(serde_json::from_str) else {
        return spilled(line).map(str::to_owned).collect();
    };
    let texts = TEXT_FIELDS.iter().filter_map(|name| fields.get(*name)?.as_str());
    let within = texts.filter(|text| text.len() < line.len()).map(batches_in);
    within.into_iter().find(|batches| !batches.is_empty()).unwrap_or_default()
}

/// Whose batch it was, and which, of which the rest may be missing.
fn whose(body: &str) -> Option<(String, Option<u64>)> {
    let instance: String = field(body, "\"instance\":")?;
    Some((instance, field(body, "\"sequence\":")))
}

/// The value after a name, if the text goes on after it: what is cut off may have been longer.
fn field<T: DeserializeOwned>(text: &str, name: &str) -> Option<T> {
    let (_, rest) = text.split_once(name)?;
    let mut values = serde_json::Deserializer::from_str(rest).into_iter();
    let value = values.next()?.ok()?;
    (values.byte_offset() < rest.len()).then_some(value)
}

#[cfg(test)]
mod tests;
