//! Who reports: how many, when one was last heard of, whose clock is off, and what they could not
//! deliver.

use serde::Deserialize;

use super::finding::Finding;
use crate::cli::error::CliError;
use crate::cli::units::Units;
use crate::limits::{LOST_AFTER, MAX_CLOCK_OFFSET};

/// An instance as the server lists it.
#[derive(Debug, Deserialize)]
pub(super) struct Row {
    id: String,
    lost_bytes: u64,
    folded_bytes: u64,
    last_seen: String,
    #[serde(default)]
    ended: bool,
    clock_offset_ms: Option<i64>,
}

/// Instances, counted.
#[derive(Debug, Default)]
pub(super) struct Census {
    now_ms: u64,
    recent_ms: u64,
    known: u64,
    /// They have not ended, and were heard of lately.
    reporting: u64,
    /// They said that they end.
    ended: u64,
    /// They were silent for too long, lately.
    lost_lately: u64,
    latest_ms: Option<u64>,
    skewed: u64,
    /// The reporting clock that is furthest off, by whose it is.
    furthest: Option<(i64, String)>,
    lost_bytes: u128,
    losers: u64,
    folded_bytes: u128,
    folders: u64,
}

impl Census {
    /// Of nobody yet. It is `now_ms` at the server; lately is within `recent_ms`.
    pub fn new(now_ms: u64, recent_ms: u64) -> Self {
        Self { now_ms, recent_ms, ..Self::default() }
    }

    /// Counts an instance.
    pub fn add(&mut self, row: &Row) {
        let seen_ms = milliseconds(&row.last_seen);
        let silent_ms = self.now_ms.saturating_sub(seen_ms);
        self.known += 1;
        self.latest_ms = self.latest_ms.max(Some(seen_ms));
        if row.ended {
            self.ended += 1;
        } else if u128::from(silent_ms) <= LOST_AFTER.as_millis() {
            self.reporting += 1;
            self.compare_clock(row);
        } else if silent_ms <= self.recent_ms {
            self.lost_lately += 1;
        }
        self.lost_bytes += u128::from(row.lost_bytes);
        self.losers += u64::from(row.lost_bytes > 0);
        self.folded_bytes += u128::from(row.folded_bytes);
        self.folders += u64::from(row.folded_bytes > 0);
    }

    fn compare_clock(&mut self, row: &Row) {
        let Some(offset_ms) = row.clock_offset_ms else { return };
        if u128::from(offset_ms.unsigned_abs()) <= MAX_CLOCK_OFFSET.as_millis() {
            return;
        }
        self.skewed += 1;
        let furthest_ms = self.furthest.as_ref().map_or(0, |(ms, _)| ms.unsigned_abs());
        if offset_ms.unsigned_abs() > furthest_ms {
            self.furthest = Some((offset_ms, row.id.clone()));
        }
    }
}

/// What is to be said of them.
pub(super) fn judge(census: Result<Census, CliError>) -> Vec<Finding> {
    match census {
        Ok(census) => {
            let mut findings = vec![of_reporters(&census), of_clocks(&census)];
            findings.extend(of_losses(&census));
            findings
        }
        Err(error) => ["instances", "instance clocks", "losses"]
            .map(|check| Finding::not_made(check, &error))
            .to_vec(),
    }
}

fn of_reporters(census: &Census) -> Finding {
    let check = "instances";
    let Some(latest_ms) = census.latest_ms else {
        let advice = "Give the filter to an Envoy. If there is one already, its log and its \
                      counters flow_filter_* say why nothing arrives.";
        return Finding::warning(check, "no filter has reported yet", advice);
    };
    let latest = format!("the latest {}", ago(census.now_ms.saturating_sub(latest_ms)));
    if census.reporting == 0 {
        let advice = "Do the sidecars run, and can they reach this address? Envoy's log, and \
                      flow_filter_batches_retried, tell. They keep what they count until then.";
        let found = format!("none of {} known instances reports any more, {latest}", census.known);
        return match census.ended == census.known {
            true => Finding::warning(check, format!("{found}: all have ended in order"), advice),
            false => Finding::problem(check, found, advice),
        };
    }
    let found = format!("{} report, {latest}; {} have ended", census.reporting, census.ended);
    match census.lost_lately {
        0 => Finding::ok(check, found),
        lost => Finding::warning(
            check,
            format!("{found}; {lost} went silent without a word in the last hours"),
            "They were killed, or cannot reach the server. Let Envoys drain before they end; what \
             one could not deliver is in its log: fas import --spill.",
        ),
    }
}

fn of_clocks(census: &Census) -> Finding {
    let check = "instance clocks";
    let Some((offset_ms, id)) = &census.furthest else {
        return Finding::ok(check, "none of those that report is more than 10 s off");
    };
    let found = format!(
        "{} more than 10 s off, the furthest by {:+.1} s: {id}",
        counted(census.skewed, "is", "are"),
        *offset_ms as f64 / 1_000.0
    );
    let advice = "Set the clocks of their machines (NTP): bytes near the border of an hour are \
                  counted in the wrong one. If all are off alike, it is the server's.";
    Finding::warning(check, found, advice)
}

fn of_losses(census: &Census) -> Vec<Finding> {
    let check = "losses";
    let mut findings = Vec::new();
    if census.lost_bytes > 0 {
        let bytes = Units::Human.bytes(census.lost_bytes);
        let found = format!("{} given up {bytes}", counted(census.losers, "has", "have"));
        let advice = "Their Envoys' logs say why: a batch was refused, or the filter's VM failed. \
                      /v1/completeness says in which hours.";
        findings.push(Finding::warning(check, found, advice));
    }
    if census.folded_bytes > 0 {
        let bytes = Units::Human.bytes(census.folded_bytes);
        let found = format!("{} put {bytes} into _other", counted(census.folders, "has", "have"));
        let advice = "Raise bounds.max_flows of the filter: the bytes are counted, but not their \
                      names.";
        findings.push(Finding::warning(check, found, advice));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(check, "no known instance has lost any bytes or names"));
    }
    findings
}

/// A time of RFC 3339, in milliseconds since the Unix epoch; of long ago if it is none.
fn milliseconds(time: &str) -> u64 {
    let time = time.parse::<jiff::Timestamp>().ok();
    time.and_then(|time| u64::try_from(time.as_millisecond()).ok()).unwrap_or(0)
}

fn counted(count: u64, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 instance {one}"),
        _ => format!("{count} instances {many}"),
    }
}

/// How long ago it was, in the largest unit that fits.
fn ago(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0..=119 => format!("{seconds} s ago"),
        120..=7_199 => format!("{} min ago", seconds / 60),
        _ => format!("{} h ago", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    /// An hour.
    const RECENT_MS: u64 = 3_600_000;
    const NOW_MS: u64 = 1_000_000_000_000;

    fn row(silent_s: u64) -> Row {
        let seen_ms = i64::try_from(NOW_MS - silent_s * 1_000).unwrap();
        Row {
            id: format!("silent-{silent_s}"),
            lost_bytes: 0,
            folded_bytes: 0,
            last_seen: jiff::Timestamp::from_millisecond(seen_ms).unwrap().to_string(),
            ended: false,
            clock_offset_ms: Some(0),
        }
    }

    fn findings(rows: &[Row]) -> Vec<Finding> {
        let mut census = Census::new(NOW_MS, RECENT_MS);
        rows.iter().for_each(|row| census.add(row));
        judge(Ok(census))
    }

    fn finding(rows: &[Row], check: &str) -> (Level, String) {
        let found = findings(rows).into_iter().find(|finding| finding.check == check).unwrap();
        (found.level, found.found)
    }

    #[test]
    fn a_row_of_the_interface_is_read() {
        let row: Row = serde_json::from_str(
            r#"{"id":"i","sequence":7,"reporter":"source","watermark_ms":61000,"lost_bytes":5,
                "folded_bytes":2,"last_seen":"2001-09-09T01:46:40Z","first_hour":3,"ended":true,
                "clock_offset_ms":-1500}"#,
        )
        .unwrap();
        assert_eq!((row.id.as_str(), row.ended, row.clock_offset_ms), ("i", true, Some(-1500)));
    }

    #[test]
    fn those_who_report_are_counted() {
        let ended = Row { ended: true, ..row(2_000) };
        let (level, found) = finding(&[row(3), row(60), ended], "instances");
        assert_eq!(
            (level, found.as_str()),
            (Level::Ok, "2 report, the latest 3 s ago; 1 have ended")
        );
        assert_eq!(finding(&[], "instances").0, Level::Warning);
    }

    #[test]
    fn silence_is_a_problem_and_an_end_in_order_is_none() {
        let (level, found) = finding(&[row(1_000), row(8_000)], "instances");
        assert_eq!(level, Level::Problem);
        assert!(found.contains("none of 2") && found.contains("16 min ago"), "{found}");
        let ended = Row { ended: true, ..row(2_000) };
        assert_eq!(finding(&[ended], "instances").0, Level::Warning);
    }

    #[test]
    fn one_that_went_silent_lately_is_told_and_one_of_long_ago_is_not() {
        let (level, found) = finding(&[row(3), row(1_000)], "instances");
        assert_eq!(level, Level::Warning);
        assert!(found.contains("1 went silent"), "{found}");
        assert_eq!(finding(&[row(3), row(8_000)], "instances").0, Level::Ok);
    }

    #[test]
    fn clocks_that_are_off_are_named_if_their_instances_report() {
        let off = |silent_s, ms| Row { clock_offset_ms: Some(ms), ..row(silent_s) };
        let rows = [row(1), off(2, -11_000), off(3, 71_000), off(4, 9_000), off(1_000, 99_000)];
        let (level, found) = finding(&rows, "instance clocks");
        assert_eq!(level, Level::Warning);
        assert_eq!(found, "2 instances are more than 10 s off, the furthest by +71.0 s: silent-3");
        assert_eq!(finding(&[row(1), off(4, -10_000)], "instance clocks").0, Level::Ok);
    }

    #[test]
    fn losses_add_up() {
        let loser = || Row { lost_bytes: 1_500, ..row(1) };
        let (level, found) = finding(&[loser(), loser(), row(1)], "losses");
        assert_eq!((level, found.as_str()), (Level::Warning, "2 instances have given up 3.00 kB"));
        let both = Row { folded_bytes: 7, ..loser() };
        let told = findings(&[both]);
        let losses: Vec<_> = told.iter().filter(|finding| finding.check == "losses").collect();
        assert_eq!(losses.len(), 2);
        assert!(losses[1].found.contains("7 B into _other"), "{:?}", losses[1]);
        assert_eq!(finding(&[row(1)], "losses").0, Level::Ok);
    }
}
