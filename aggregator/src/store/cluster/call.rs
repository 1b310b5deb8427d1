//! `Call`: one call of the script, which does steps of several writes in one shard, and what its
//! answer means for each.

use std::borrow::Cow;
use std::collections::HashSet;

use flow_model::Hour;
use redis::{Cmd, Value};

use super::cell::{decode_sides, encode_sides};
use super::deltas::{Target, cost, merge};
use super::job::{Aim, Done, Job, RecordPlace, Verdict};
use super::known::Known;
use super::layout::{Keys, Shard};
use crate::limits::{MAX_CALL_COST, MAX_CALL_WRITES};
use crate::store::{ApplyError, Sides};

/// Steps that are done by one call.
pub(super) struct Call {
    pub shard: Shard,
    pub entries: Vec<Entry>,
    flows: usize,
    /// The sources of the flows, hour by hour, as hashes.
    sources: HashSet<(Hour, u64)>,
    /// Whether a node has told the senders' records, so that they are no guesses.
    is_told: bool,
    places: HashSet<RecordPlace>,
}

/// A step in a call.
pub(super) struct Entry {
    pub job: Job,
    pub place: RecordPlace,
    /// The sender's record as it is believed to be.
    believed: Vec<u8>,
    /// The record from now on. For a step that was done before it is the same, and is written
    /// again all the same: else the wait for copies would not cover what was written before.
    pub record: Vec<u8>,
    /// Whether the step was done before, so that its flows are not added. It may turn out not to
    /// have been: then the next attempt adds them.
    is_old: bool,
    done: Done,
}

/// What came of a call.
pub(super) enum Outcome {
    /// The steps are done, as soon as there are copies.
    Applied,
    /// Some records are not as believed: they are noted, and the steps are to be tried again.
    Stale,
    /// The first step that does not fit; the others are to be tried again, if there are any.
    Over(ApplyError),
    /// Together they do not fit; each is to be tried alone.
    Crowded,
    /// Nothing was done, because it was only a check, and all fits.
    Fits,
}

/// The numbers of a call, and the command.
pub(super) struct Packed {
    pub command: Cmd,
    /// Whether the flows by themselves leave the range, so that they can only be checked.
    is_clamped: bool,
}

impl Call {
    pub fn new(shard: Shard) -> Self {
        Self {
            shard,
            entries: Vec::new(),
            flows: 0,
            sources: HashSet::new(),
            is_told: false,
            places: HashSet::new(),
        }
    }

    /// Takes a step in, unless it must wait for another call: then it is given back. A step that
    /// cannot be done is answered.
    pub fn admit(&mut self, mut job: Job, keys: &Keys, known: &Known, now_ms: u64) -> Option<Job> {
        let place = job.sender.place(keys, job.shard);
        let is_told = job.known.is_some();
        let has_company = !self.entries.is_empty();
        let is_full = self.cost_with(&job) > MAX_CALL_COST || self.entries.len() >= MAX_CALL_WRITES;
        let is_private = job.is_alone || self.entries.iter().any(|entry| entry.job.is_alone);
        // One wrong guess would have all the others tried again, and again with the next ones.
        let is_risky = is_told != self.is_told;
        if has_company && (is_full || is_private || is_risky || self.places.contains(&place)) {
            return Some(job);
        }
        self.is_told = is_told;
        let told = job.known.take();
        let believed = told.or_else(|| known.get(self.shard, &place)).unwrap_or_default();
        let (record, mut done, is_old) = match job.sender.judge(&believed, now_ms) {
            Ok(Verdict::New { expired_flows, .. }) if job.aim == Aim::Probe => {
                job.answer(Ok(Done { is_new: true, expired_flows }));
                return None;
            }
            Ok(Verdict::New { record, expired_flows }) => {
                (record, Done { is_new: true, expired_flows }, false)
            }
            Ok(Verdict::Old { expired_flows }) => {
                (believed.clone(), Done { is_new: false, expired_flows }, true)
            }
            Ok(Verdict::Reused) => {
                job.answer(Err(ApplyError::KeyReused));
                return None;
            }
            Err(error) => {
                job.answer(Err(ApplyError::Unavailable(error.to_string())));
                return None;
            }
        };
        if is_old {
            done.is_new = job.attempted.as_ref() == Some(&believed);
        }
        if let Some(deltas) = job.deltas().filter(|_| !is_old) {
            self.flows += deltas.len();
            self.sources.extend(deltas.sources());
        }
        self.places.insert(place.clone());
        self.entries.push(Entry { job, place, believed, record, is_old, done });
        None
    }

    /// What the call costs a node with one more step, at the most.
    fn cost_with(&self, job: &Job) -> usize {
        let Some(deltas) = job.deltas() else { return cost(self.flows, self.sources.len()) };
        let new = deltas.sources().filter(|source| !self.sources.contains(source));
        cost(self.flows + deltas.len(), self.sources.len() + new.count())
    }

    /// The command for this call; none if its steps can only be done one by one.
    pub fn pack(&self, sha: &str, keys: &Keys) -> Option<Packed> {
        let is_check = self.entries.iter().any(|entry| entry.job.aim == Aim::Check);
        let (merged, is_clamped) = match merge(self.deltas()) {
            Some(merged) => (merged, false),
            None if self.entries.len() > 1 => return None,
            None => (self.clamped(), true),
        };
        let hours: Vec<&[(Target<'_>, Sides)]> =
            merged.chunk_by(|(a, _), (b, _)| a.hour == b.hour).collect();
        let by_source =
            |(a, _): &(Target<'_>, Sides), (b, _): &(Target<'_>, Sides)| a.source == b.source;
        let in_table = |table: fn(&RecordPlace) -> Option<&str>| {
            self.entries.iter().filter_map(move |entry| Some((entry, table(&entry.place)?)))
        };
        let parts = in_table(|place| match place {
            RecordPlace::Part(id) => Some(id),
            _ => None,
        });
        let homes = in_table(|place| match place {
            RecordPlace::Home(id) => Some(id),
            _ => None,
        });
        let fields: Vec<(&Entry, &str)> = parts.clone().chain(homes.clone()).collect();
        let writes: Vec<(&Entry, &Vec<u8>)> = self.writes().collect();
        let sources: usize = hours.iter().map(|hour| hour.chunk_by(by_source).count()).sum();
        let mut command = redis::cmd("EVALSHA");
        command.arg(sha).arg(3 + writes.len() + hours.len() + sources);
        command.arg(keys.instances(self.shard)).arg(keys.homes(self.shard));
        command.arg(keys.hours(self.shard));
        for (_, key) in &writes {
            command.arg(*key);
        }
        for hour in hours.iter().filter_map(|flows| flows.first()) {
            command.arg(keys.sources(self.shard, hour.0.hour));
        }
        for flows in hours.iter().flat_map(|hour| hour.chunk_by(by_source)) {
            let Some((first, _)) = flows.first() else { continue };
            command.arg(keys.flows(self.shard, first.hour, first.source));
        }
        command.arg(parts.count()).arg(homes.count()).arg(writes.len());
        command.arg(hours.len()).arg(sources);
        command.arg(if is_check || is_clamped { "check" } else { "apply" });
        command.arg(keys.channel(self.shard));
        for (entry, id) in fields {
            command.arg(id).arg(&entry.believed).arg(&entry.record);
        }
        for (entry, _) in writes {
            command.arg(&entry.believed).arg(&entry.record);
            match entry.believed == entry.record {
                true => command.arg("keep"),
                false => command.arg(entry.job.sender.keep_s()),
            };
        }
        for hour in &hours {
            let Some((first, _)) = hour.first() else { continue };
            command.arg(first.hour).arg(hour.chunk_by(by_source).count());
        }
        for flows in hours.iter().flat_map(|hour| hour.chunk_by(by_source)) {
            let Some((first, _)) = flows.first() else { continue };
            command.arg(first.source).arg(flows.len());
            for (target, sides) in flows {
                command.arg(target.dest).arg(encode_sides(sides));
            }
        }
        Some(Packed { command, is_clamped })
    }

    /// What an answer to the command means; none if it is not an answer of the script.
    pub fn outcome(&mut self, packed: &Packed, answer: &Value, known: &Known) -> Option<Outcome> {
        let Value::Array(parts) = answer else { return None };
        let (word, list) = parts.split_first()?;
        let list = match list {
            [Value::Array(list)] => list.as_slice(),
            _ => &[],
        };
        match &*bytes(word)? {
            b"applied" => Some(Outcome::Applied),
            b"stale" => {
                for entry in &mut self.entries {
                    // What was right in this attempt is not forgotten for the next one.
                    entry.job.known = Some(std::mem::take(&mut entry.believed));
                }
                for pair in list.chunks_exact(2) {
                    let [place, record] = pair else { continue };
                    self.correct(number(place)?, bytes(record)?.into_owned(), known);
                }
                Some(Outcome::Stale)
            }
            b"fits" if !packed.is_clamped => Some(Outcome::Fits),
            b"fits" | b"over" if self.entries.len() > 1 => Some(Outcome::Crowded),
            b"fits" | b"over" => self.overflow(list).map(Outcome::Over),
            _ => None,
        }
    }

    /// What becomes of each step when the call has been applied.
    pub fn done(self) -> impl Iterator<Item = (Job, RecordPlace, Vec<u8>, Done)> {
        let ended = self.entries.into_iter();
        ended.map(|entry| (entry.job, entry.place, entry.record, entry.done))
    }

    fn deltas(&self) -> impl Iterator<Item = &super::deltas::Deltas> {
        let new = self.entries.iter().filter(|entry| !entry.is_old);
        new.filter_map(|entry| entry.job.deltas())
    }

    fn writes(&self) -> impl Iterator<Item = (&Entry, &Vec<u8>)> {
        self.entries.iter().filter_map(|entry| match &entry.place {
            RecordPlace::Key(key) => Some((entry, key)),
            RecordPlace::Part(_) | RecordPlace::Home(_) => None,
        })
    }

    /// The order in which the script sees the records.
    fn script_order(&self) -> Vec<usize> {
        let rank = |place: &RecordPlace| match place {
            RecordPlace::Part(_) => 0,
            RecordPlace::Home(_) => 1,
            RecordPlace::Key(_) => 2,
        };
        let mut order: Vec<usize> = (0..self.entries.len()).collect();
        order.sort_by_key(|at| self.entries.get(*at).map(|entry| rank(&entry.place)));
        order
    }

    /// Notes what a record really is, so that the next attempt knows.
    fn correct(&mut self, nth: usize, record: Vec<u8>, known: &Known) {
        let place = nth.checked_sub(1).and_then(|nth| self.script_order().get(nth).copied());
        let Some(entry) = place.and_then(|place| self.entries.get_mut(place)) else { return };
        known.put(self.shard, &entry.place, &record);
        entry.job.known = Some(record);
    }

    /// The flows of the only step, each once, with sums that stay in the range.
    fn clamped(&self) -> Vec<(Target<'_>, Sides)> {
        let mut targets = Vec::new();
        for deltas in self.deltas() {
            targets.extend(deltas.largest());
        }
        targets
    }

    /// The fault of the only step, given what is stored where it does not fit.
    fn overflow(&self, list: &[Value]) -> Option<ApplyError> {
        let [entry] = self.entries.as_slice() else { return None };
        let deltas = entry.job.deltas()?;
        let merged = merge(self.deltas()).unwrap_or_else(|| self.clamped());
        let mut stored = std::collections::HashMap::new();
        for pair in list.chunks_exact(2) {
            let [nth, cell] = pair else { continue };
            let (target, _) = merged.get(number(nth)?.checked_sub(1)?)?;
            let sides = decode_sides(&bytes(cell)?).unwrap_or_default();
            stored.insert((target.hour, target.source, target.dest), sides);
        }
        deltas.overflow(|target| {
            let found = stored.get(&(target.hour, target.source, target.dest));
            found.copied().unwrap_or_default()
        })
    }
}

pub(super) fn bytes(value: &Value) -> Option<Cow<'_, [u8]>> {
    match value {
        Value::BulkString(bytes) => Some(Cow::Borrowed(bytes)),
        Value::SimpleString(text) => Some(Cow::Borrowed(text.as_bytes())),
        Value::Nil => Some(Cow::Borrowed(&[])),
        _ => None,
    }
}

pub(super) fn number(value: &Value) -> Option<usize> {
    match value {
        Value::Int(number) => usize::try_from(*number).ok(),
        _ => None,
    }
}
