//! Checks expectations against what a host did. A problem names what was expected and the values
//! that were found instead.

use serde_json::Value;

use super::{Runner, StepError, observe::header_problems};
use crate::{
    callouts::{
        record::{CalloutRecord, Outcome},
        upstream,
    },
    host::Host,
    scenario::{
        expect::{CalloutExpect, CalloutOutcome, Expect, HttpGetExpect, LogExpect, MetricExpect},
        scalar::Amount,
    },
    stream::Direction,
    timeline::{Event, EventKind, Thread},
};

/// How many of the values that were found are shown.
const SHOWN: usize = 10;

impl Runner<'_> {
    /// What is wrong, if anything is.
    pub(super) fn check(&mut self, expect: &Expect) -> Result<Option<String>, StepError> {
        Ok(match expect {
            Expect::Log(expect) => check_log(&self.host.timeline(), expect),
            Expect::Callouts(expect) => check_callouts(&self.host.callouts(), expect),
            Expect::Metric(expect) => check_metric(&self.host, expect),
            Expect::Failures(amount) => {
                let failures = failures(&self.host.timeline());
                compare("failures of the plugin", *amount, failures.len(), &failures)
            }
            Expect::Property(expect) => return self.check_property(expect),
            Expect::Request(expect) => {
                return self.check_message(expect, Direction::FromDownstream);
            }
            Expect::Response(expect) => return self.check_message(expect, Direction::FromUpstream),
            Expect::Golden(expect) => return self.check_golden(expect),
            Expect::HttpGet(expect) => return self.check_http_get(expect),
        })
    }

    fn check_http_get(&self, expect: &HttpGetExpect) -> Result<Option<String>, StepError> {
        let HttpGetExpect { cluster, path, headers, .. } = expect;
        let in_scenario = self.scenario.callouts.get(cluster);
        let server = self.options.upstreams.get(cluster);
        let server = server.or(in_scenario.and_then(|target| target.server.as_ref()));
        let server = server.ok_or_else(|| StepError::NoServer(cluster.clone()))?;
        let headers: Vec<_> = headers.clone().into_iter().collect();
        Ok(match upstream::get(server, path, &headers) {
            Ok((status, body)) => check_response(expect, status, &body),
            Err(error) => Some(format!("GET {path}: no answer: {error}")),
        })
    }
}

/// Failures of the plugin, and the place of the first in the timeline.
pub(super) fn unexpected_failures(host: &Host) -> Option<(usize, String)> {
    let timeline = host.timeline();
    let failures = failures(&timeline);
    let problem = compare("failures of the plugin", Amount::exactly(0), failures.len(), &failures)?;
    let first = timeline.iter().position(|event| matches!(event.kind, EventKind::Trap { .. }));
    Some((first.map_or(timeline.len(), |first| first + 1), problem))
}

fn failures(timeline: &[Event]) -> Vec<String> {
    let traps = timeline.iter().filter(|event| matches!(event.kind, EventKind::Trap { .. }));
    traps.map(ToString::to_string).collect()
}

fn compare(what: &str, amount: Amount, found: usize, values: &[String]) -> Option<String> {
    if amount.holds(found as u64) {
        return None;
    }
    let mut problem = format!("expected {amount} {what}, found {found}");
    for value in values.iter().take(SHOWN) {
        problem.push_str("\n    ");
        problem.push_str(value);
    }
    if values.len() > SHOWN {
        problem.push_str(&format!("\n    and {} more", values.len() - SHOWN));
    }
    Some(problem)
}

fn check_log(timeline: &[Event], expect: &LogExpect) -> Option<String> {
    let worker = expect.worker.map(Thread::Worker);
    let lines = timeline.iter().filter(|event| matches!(event.kind, EventKind::Log { .. }));
    let of_worker = lines.filter(|event| worker.is_none() || event.thread == worker);
    let (matching, others): (Vec<&Event>, Vec<&Event>) = of_worker.partition(|event| {
        let EventKind::Log { level, message } = &event.kind else { return false };
        expect.level.is_none_or(|expected| *level == expected)
            && message.contains(&expect.contains)
            && expect.text.holds(message)
    });
    let mut what = format!("log lines with {:?}", expect.contains);
    if !expect.text.is_any() {
        what = match expect.contains.is_empty() {
            true => format!("log lines that are {}", expect.text),
            false => format!("{what} that are {}", expect.text),
        };
    }
    // Too few: what else was there may explain it.
    let shown = if matching.is_empty() { &others } else { &matching };
    let shown: Vec<String> = shown.iter().map(ToString::to_string).collect();
    compare(&what, expect.count, matching.len(), &shown)
}

fn check_callouts(records: &[CalloutRecord], expect: &CalloutExpect) -> Option<String> {
    let (matching, others): (Vec<&CalloutRecord>, Vec<&CalloutRecord>) =
        records.iter().partition(|record| is_match(record, expect));
    let shown = if matching.is_empty() { &others } else { &matching };
    let shown: Vec<String> = shown.iter().map(|record| show(record)).collect();
    compare("such calls", expect.count, matching.len(), &shown)
}

fn is_match(record: &CalloutRecord, expect: &CalloutExpect) -> bool {
    let outcome = match record.outcome {
        Outcome::Pending => CalloutOutcome::Pending,
        Outcome::Answered { .. } => CalloutOutcome::Answered,
        Outcome::Reset { .. } => CalloutOutcome::Reset,
        Outcome::Refused { .. } => CalloutOutcome::Refused,
    };
    let body = String::from_utf8_lossy(&record.request.body);
    expect.cluster.as_ref().is_none_or(|cluster| record.cluster == *cluster)
        && expect.worker.is_none_or(|worker| record.thread == Thread::Worker(worker))
        && expect.outcome.is_none_or(|expected| outcome == expected)
        && expect.status.is_none_or(|status| record.status() == Some(status))
        && expect.fault.as_ref().is_none_or(|fault| record.fault == fault)
        && expect.deliveries.is_none_or(|deliveries| record.deliveries == deliveries)
        && body.contains(&expect.body_contains)
        && expect.body.holds(&body)
        && header_problems("header", &expect.headers, &record.request.headers).is_empty()
        && has_json(&record.request.body, expect)
}

fn has_json(body: &[u8], expect: &CalloutExpect) -> bool {
    let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    expect.json.iter().all(|(pointer, value)| body.pointer(pointer) == Some(value))
}

fn show(record: &CalloutRecord) -> String {
    format!(
        "{}  {}  call {} to {}, fault {}, delivered {} times, {}: {}",
        record.sent_at,
        record.thread,
        record.token,
        record.cluster,
        record.fault,
        record.deliveries,
        record.outcome,
        String::from_utf8_lossy(&record.request.body)
    )
}

fn check_metric(host: &Host, expect: &MetricExpect) -> Option<String> {
    let MetricExpect { name, value } = expect;
    let metrics = host.metrics();
    match metrics.get(name) {
        Some(metric) if value.holds(metric.value) => None,
        Some(metric) => Some(format!("expected {name} to be {value}, it is {}", metric.value)),
        None => {
            let names: Vec<&str> = metrics.keys().map(String::as_str).collect();
            Some(format!("expected {name} to be {value}, but there is only {names:?}"))
        }
    }
}

fn check_response(expect: &HttpGetExpect, status: u16, body: &[u8]) -> Option<String> {
    let path = &expect.path;
    let text = String::from_utf8_lossy(body);
    if status != expect.status {
        return Some(format!("GET {path}: expected {}, got {status}: {text}", expect.status));
    }
    let expected = expect.json.as_ref()?;
    let found: Result<Value, _> = serde_json::from_slice(body);
    match found {
        Ok(found) if found == *expected => None,
        Ok(found) => Some(format!("GET {path}:\n    expected {expected}\n    got      {found}")),
        Err(_) => Some(format!("GET {path}: expected {expected}, got what is not JSON: {text}")),
    }
}
