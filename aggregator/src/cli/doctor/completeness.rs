//! Whether the last hours are complete, and if not, why.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::finding::{Finding, Level};
use crate::cli::error::CliError;

const CHECK: &str = "completeness";

/// An hour that has flows.
#[derive(Debug, Deserialize)]
pub(super) struct Hour {
    pub hour: u64,
    pub complete: Option<bool>,
}

/// Why an hour is not complete.
#[derive(Debug, Default, Deserialize)]
pub(super) struct HourReport {
    reasons: Vec<String>,
    #[serde(default)]
    outstanding: Vec<Witness>,
    #[serde(default)]
    lost: Vec<Witness>,
}

/// An instance that keeps an hour from being complete.
#[derive(Debug, Deserialize)]
struct Witness {
    id: String,
}

/// The last hours.
#[derive(Debug)]
pub(super) struct LastHours {
    count: u32,
    now: u64,
    complete: u64,
    unknown: u64,
    /// Hours for each reason.
    reasons: BTreeMap<String, Vec<u64>>,
    incomplete: u64,
    /// One instance of which more may come, or may have been to come.
    witness: Option<String>,
    has_current: bool,
}

impl LastHours {
    /// So many hours before the current one, none of which is known yet.
    pub fn new(count: u32, now: u64) -> Self {
        Self {
            count,
            now,
            complete: 0,
            unknown: 0,
            reasons: BTreeMap::new(),
            incomplete: 0,
            witness: None,
            has_current: false,
        }
    }

    /// Adds an hour, with what keeps it from being complete.
    pub fn add(&mut self, hour: &Hour, report: Option<HourReport>) {
        match (hour.complete, report) {
            _ if hour.hour >= self.now => self.has_current = true,
            (Some(true), _) => self.complete += 1,
            (Some(false), Some(report)) => self.add_incomplete(hour.hour, report),
            _ => self.unknown += 1,
        }
    }

    fn add_incomplete(&mut self, hour: u64, report: HourReport) {
        // It ended a moment ago, or has become complete since it was listed.
        if report.reasons.is_empty() || report.reasons == ["not_ended"] {
            return;
        }
        self.incomplete += 1;
        for reason in report.reasons {
            self.reasons.entry(reason).or_default().push(hour);
        }
        let witness = report.outstanding.into_iter().chain(report.lost).next();
        self.witness = witness.map(|witness| witness.id).or(self.witness.take());
    }

    fn is_empty(&self) -> bool {
        self.complete + self.unknown + self.incomplete == 0
    }

    fn of_each_reason(&self) -> String {
        let listed = self.reasons.iter().map(|(reason, hours)| {
            let latest = hours.iter().max().copied().unwrap_or_default();
            format!("{reason}: {}, the latest {latest}", hours.len())
        });
        listed.collect::<Vec<_>>().join("; ")
    }
}

/// What is to be said of them.
pub(super) fn judge(last: Result<LastHours, CliError>) -> Finding {
    let last = match last {
        Ok(last) => last,
        Err(error) => return Finding::not_made(CHECK, &error),
    };
    if last.is_empty() {
        return of_nothing(&last);
    }
    let unknown = match last.unknown {
        0 => String::new(),
        unknown => format!("; of {unknown} nobody can tell"),
    };
    let all = last.complete + last.incomplete + last.unknown;
    let found = format!(
        "{} of {all} hours with flows in the last {} are complete{unknown}",
        last.complete, last.count
    );
    if last.incomplete == 0 {
        return Finding::ok(CHECK, found);
    }
    let witness = last.witness.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
    let (level, advice) = advice(&last);
    let found = format!("{found}. {}{witness}", last.of_each_reason());
    Finding { check: CHECK, level, found, advice: Some(advice.to_owned()) }
}

fn of_nothing(last: &LastHours) -> Finding {
    if last.has_current {
        return Finding::ok(CHECK, "the current hour is the first one, and has not ended");
    }
    let found = format!("no flows in the last {} hours", last.count);
    Finding::warning(CHECK, found, "See what `instances` says.")
}

/// What to do about the worst reason.
fn advice(last: &LastHours) -> (Level, &'static str) {
    let has = |reason: &str| last.reasons.contains_key(reason);
    if has("lost_bytes") {
        let advice = "Bytes are gone: the filter's lines in Envoy's log say why. See `losses`.";
        return (Level::Problem, advice);
    }
    if has("lost") {
        let advice = "Sidecars went silent: what they had not delivered may be in their Envoys' \
                      logs (fas import --spill). Let Envoys drain before they end.";
        return (Level::Warning, advice);
    }
    let advice = "Sidecars have not delivered all of it yet: can they reach the server? \
                  /v1/completeness?hour=N names all of them.";
    (Level::Warning, advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 100;

    fn report(reasons: &[&str], id: Option<&str>) -> HourReport {
        let witness = |id: &str| Witness { id: id.to_owned() };
        HourReport {
            reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
            outstanding: id.map(witness).into_iter().collect(),
            lost: Vec::new(),
        }
    }

    fn of(hours: Vec<(u64, Option<bool>, Option<HourReport>)>) -> Finding {
        let mut last = LastHours::new(24, NOW);
        for (hour, complete, report) in hours {
            last.add(&Hour { hour, complete }, report);
        }
        judge(Ok(last))
    }

    #[test]
    fn complete_hours_and_those_of_which_nobody_can_tell_are_well() {
        let finding = of(vec![(98, None, None), (99, Some(true), None), (100, Some(false), None)]);
        assert_eq!(finding.level, Level::Ok);
        assert_eq!(
            finding.found,
            "1 of 2 hours with flows in the last 24 are complete; of 1 nobody can tell"
        );
    }

    #[test]
    fn the_worst_reason_decides() {
        let outstanding = || (99, Some(false), Some(report(&["outstanding"], Some("web-7"))));
        let finding = of(vec![outstanding()]);
        assert_eq!(finding.level, Level::Warning);
        assert!(finding.found.contains("outstanding: 1, the latest 99 (web-7)"), "{finding}");
        let lost = (97, Some(false), Some(report(&["lost", "lost_bytes"], None)));
        let finding = of(vec![lost, (98, Some(true), None), outstanding()]);
        assert_eq!(finding.level, Level::Problem);
        assert!(finding.found.starts_with("1 of 3 hours"), "{finding}");
        assert!(finding.found.contains("lost_bytes: 1, the latest 97"), "{finding}");
        let lost = (97, Some(false), Some(report(&["lost"], None)));
        assert!(of(vec![lost]).advice.unwrap().contains("drain"));
    }

    #[test]
    fn an_hour_that_has_just_ended_is_left_out() {
        let finding =
            of(vec![(98, Some(true), None), (99, Some(false), Some(report(&["not_ended"], None)))]);
        assert_eq!(finding.level, Level::Ok);
        assert!(finding.found.starts_with("1 of 1 hours"), "{finding}");
    }

    #[test]
    fn nothing_at_all_is_told_apart_from_a_beginning() {
        assert_eq!(of(vec![]).level, Level::Warning);
        assert_eq!(of(vec![(NOW, Some(false), None)]).level, Level::Ok);
    }

    #[test]
    fn a_report_for_a_limited_reader_is_read() {
        let report: HourReport =
            serde_json::from_str(r#"{"hour":1,"complete":false,"reasons":["lost"]}"#).unwrap();
        assert_eq!(report.reasons, ["lost"]);
    }
}
