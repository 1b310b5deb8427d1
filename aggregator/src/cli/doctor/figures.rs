//! What the server counts (`/metrics`): whether the store is well, which hours are kept, and which
//! bounds are near.

use std::collections::HashMap;

use super::finding::Finding;
use crate::cli::error::CliError;
use crate::cli::time::start_of;
use crate::cli::units::Units;

/// Beyond this share of its connections, the server ends idle ones early.
const CROWDED: f64 = 0.75;

/// The memory budget is kept by hours that leave; where memory is beyond it by half, they do not leave
/// fast enough, and at twice the budget writes wait.
const OVER_BUDGET: f64 = 1.5;

/// A commit that takes as long as this on average, in seconds, keeps filters waiting.
const SLOW_COMMIT: f64 = 0.5;

/// Requests that wait for a thread as long as this, in seconds: half of what has them refused.
const LAGGING: f64 = 0.1;

/// How answers to batches are counted, before their status.
const BATCHES_ANSWERED: &str = "fas_http_requests_total{path=\"/v1/batches\",status=\"";

/// Without a bound on hours, so many are enough to say that the disk fills.
const MANY_HOURS: usize = 60 * 24;

/// The figures of a server, and its hours.
#[derive(Debug)]
pub(super) struct Figures {
    /// Values by name and labels, as they stand in the text.
    values: HashMap<String, f64>,
    hours: Vec<u64>,
}

impl Figures {
    /// From the text format of Prometheus, and the hours that have flows.
    pub fn new(text: &str, hours: Vec<u64>) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let values = lines.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self { values: values.collect(), hours }
    }

    fn get(&self, name: &str) -> Option<f64> {
        self.values.get(name).copied()
    }

    /// A counter's value, 0 if there is none.
    fn count(&self, name: &str) -> u64 {
        self.get(name).unwrap_or(0.0) as u64
    }

    /// The sum over all labels.
    fn sum(&self, name: &str) -> u64 {
        let is_it = |full: &str| full.split('{').next() == Some(name);
        self.values.iter().filter(|(full, _)| is_it(full)).map(|(_, value)| *value).sum::<f64>()
            as u64
    }

    /// How many batches were answered so that filters give them up: by 4xx, but for the four after
    /// which they try again (docs/protocol.md). `fas_batches_total{status="refused"}` has those, too.
    fn given_up(&self) -> u64 {
        let of_status = |full: &str| {
            let status = full.strip_prefix(BATCHES_ANSWERED)?.strip_suffix("\"}")?;
            Some(status.starts_with('4') && !["401", "403", "408", "429"].contains(&status))
        };
        let given_up = self.values.iter().filter(|(full, _)| of_status(full) == Some(true));
        given_up.map(|(_, count)| *count).sum::<f64>() as u64
    }

    /// A part of a whole that is known and not 0.
    fn share(&self, part: &str, whole: &str) -> Option<f64> {
        let whole = self.get(whole).filter(|whole| *whole > 0.0)?;
        Some(self.get(part)? / whole)
    }
}

/// What is to be said of them.
pub(super) fn judge(figures: Result<Figures, CliError>) -> Vec<Finding> {
    match figures {
        Ok(figures) => {
            [of_retention(&figures), of_the_store(&figures), of_limits(&figures)].concat()
        }
        Err(error) => {
            ["retention", "store", "limits"].map(|check| Finding::not_made(check, &error)).to_vec()
        }
    }
}

fn of_retention(figures: &Figures) -> Vec<Finding> {
    let check = "retention";
    let count = figures.hours.len();
    let oldest = figures.hours.iter().min().map(|hour| {
        let start = start_of(*hour).map(|start| format!(", {start} UTC")).unwrap_or_default();
        format!(", the oldest {hour}{start}")
    });
    let there = format!("{count} hours have flows{}", oldest.unwrap_or_default());
    let mut findings = vec![match figures.get("fas_retain_hours") {
        Some(kept) if kept > 0.0 => Finding::ok(check, format!("{there}; {kept} are kept")),
        Some(_) if count > MANY_HOURS => Finding::warning(
            check,
            format!("{there}; all are kept"),
            "The disk fills for as long as it runs: start it with --retain-hours.",
        ),
        Some(_) => Finding::ok(check, format!("{there}; all are kept")),
        None => Finding::ok(check, there),
    }];
    let expired = figures.count("fas_flows_expired_total");
    if expired > 0 {
        findings.push(Finding::warning(
            check,
            format!("{expired} flows came for hours that are no longer kept, since the start"),
            "A sidecar was away for longer than --retain-hours, or has a wrong clock.",
        ));
    }
    findings
}

fn of_the_store(figures: &Figures) -> Vec<Finding> {
    let check = "store";
    let commits = figures.count("fas_commit_seconds_count");
    let mean = figures.share("fas_commit_seconds_sum", "fas_commit_seconds_count");
    let found = match mean {
        Some(mean) => {
            format!("a write is durable in {:.1} ms on average of {commits}", mean * 1_000.0)
        }
        None => "nothing was written since the start".to_owned(),
    };
    let mut findings = vec![match mean {
        Some(mean) if mean > SLOW_COMMIT => {
            Finding::warning(check, found, "Use a faster disk, or look at the cluster's replicas.")
        }
        _ => Finding::ok(check, found),
    }];
    let given_up = figures.given_up();
    if given_up > 0 {
        findings.push(Finding::warning(
            check,
            format!(
                "{given_up} batches were refused for good since the start, and their bytes given up"
            ),
            "Their Envoys' logs say why: a sum beyond 2^63-1, or a filter newer than this server.",
        ));
    }
    for file in ["tokens", "certificates"] {
        let name = format!("fas_reloads_total{{file=\"{file}\",outcome=\"failed\"}}");
        let failed = figures.count(&name);
        if failed > 0 {
            findings.push(Finding::warning(
                check,
                format!("{failed} changes of {file} could not be used, since the start"),
                "What held before still holds. The log says what is wrong with the file.",
            ));
        }
    }
    findings
}

fn of_limits(figures: &Figures) -> Vec<Finding> {
    let found = [of_connections(figures), of_memory(figures), of_load(figures)];
    let mut findings: Vec<Finding> = found.into_iter().flatten().collect();
    if findings.is_empty() {
        let connections = figures.count("fas_connections");
        let bound = |name: &str| Some(figures.count(name)).filter(|bound| *bound > 0);
        let of_all = bound("fas_connections_limit").map(|bound| format!(" of {bound}"));
        // On a cluster, flows are in the nodes' memory, of which nothing is known here.
        let memory = bound("fas_memory_budget_bytes").map(|bound| {
            let used = figures.count("fas_flows_memory_bytes");
            let [used, bound] = [used, bound].map(|bytes| Units::Human.bytes(bytes.into()));
            format!(", {used} of {bound} of flows in memory")
        });
        let (of_all, memory) = (of_all.unwrap_or_default(), memory.unwrap_or_default());
        findings.push(Finding::ok(
            "limits",
            format!(
                "{connections}{of_all} connections{memory}; nothing was refused since the start"
            ),
        ));
    }
    findings
}

fn of_connections(figures: &Figures) -> Option<Finding> {
    let advice = "Raise --max-connections and `ulimit -n`: one for each worker of each Envoy.";
    let refused = figures.count("fas_connections_refused_total");
    if refused > 0 {
        let found = format!("{refused} connections were refused since the start");
        return Some(Finding::warning("limits", found, advice));
    }
    let share = figures.share("fas_connections", "fas_connections_limit")?;
    let found = format!("{:.0} % of the connections that there may be are open", share * 100.0);
    (share > CROWDED).then(|| Finding::warning("limits", found, advice))
}

fn of_memory(figures: &Figures) -> Option<Finding> {
    let share = figures.share("fas_flows_memory_bytes", "fas_memory_budget_bytes")?;
    let found = format!("flows take {:.0} % of --memory-budget", share * 100.0);
    let advice = "Hours cannot leave memory as fast as flows come: raise it, or use a faster disk. \
                  At 200 % writes wait.";
    (share > OVER_BUDGET).then(|| Finding::warning("limits", found, advice))
}

fn of_load(figures: &Figures) -> Option<Finding> {
    let advice = "More processor, a longer push.interval_ms, or several nodes. Nothing is lost: \
                  what was refused is sent again.";
    let shed = figures.sum("fas_shed_requests_total");
    if shed > 0 {
        let found = format!("{shed} requests were refused since the start: too much to do");
        return Some(Finding::warning("limits", found, advice));
    }
    let lag = figures.get("fas_lag_seconds").filter(|lag| *lag > LAGGING)?;
    let found = format!("requests wait {:.0} ms for a thread", lag * 1_000.0);
    Some(Finding::warning("limits", found, advice))
}

#[cfg(test)]
mod tests;
