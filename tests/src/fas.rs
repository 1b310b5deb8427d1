//! The aggregator, as its users see it: a program with a port and a directory.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use ureq::Agent;

use crate::bytes::Bytes;
use crate::client::agent;
use crate::deadline::wait_for;
use crate::process::Process;
use crate::programs;
use crate::security::Security;
use crate::totals::{Hours, Totals};

/// An aggregator, which may be running or not.
pub struct Fas {
    port: u16,
    directory: PathBuf,
    process: Option<Process>,
    agent: Agent,
    security: Option<Arc<Security>>,
    first_hour: u64,
}

impl Fas {
    /// Starts an aggregator on `port` that keeps its data and its log in `directory`, and waits
    /// until it is ready.
    pub fn start(port: u16, directory: &Path) -> Self {
        Self::start_with(port, directory, None)
    }

    /// The same; with `security`, it demands certificates and tokens.
    pub fn start_with(port: u16, directory: &Path, security: Option<Arc<Security>>) -> Self {
        let plain = || agent(Duration::from_secs(10));
        let mut fas = Self {
            port,
            directory: directory.to_owned(),
            process: None,
            agent: security.as_ref().map_or_else(plain, |security| security.agent()),
            security,
            first_hour: current_hour(),
        };
        fas.restart();
        fas
    }

    /// Starts it again, on the same port and data.
    pub fn restart(&mut self) {
        assert!(self.process.is_none(), "the aggregator is running already");
        let mut command = Command::new(programs::fas());
        command.arg("serve").args(["--listen", &format!("127.0.0.1:{}", self.port)]);
        command.arg("--data").arg(self.directory.join("data"));
        if let Some(security) = &self.security {
            security.serve_with(&mut command);
        }
        // What the person at the terminal has set for a service of their own.
        for variable in ["FAS_CONFIG", "FAS_LOG", "FAS_CHECKPOINT_BYTES"] {
            command.env_remove(variable);
        }
        let mut process = Process::start("fas", &mut command, &self.directory);
        process.wait_until_ready(|| self.is_ready());
        self.process = Some(process);
    }

    /// Kills it where it stands (SIGKILL).
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("the aggregator is running");
        process.kill();
    }

    /// Ends it in order (SIGTERM), and panics unless it exits with 0.
    pub fn stop(&mut self) {
        let mut process = self.process.take().expect("the aggregator is running");
        let status = process.terminate();
        assert!(status.success(), "the aggregator ended with {status} on SIGTERM");
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address, for a client or a simulator.
    pub fn url(&self) -> String {
        let scheme = if self.security.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// The answer to `GET /flows?hour=`.
    pub fn flows(&self, hour: u64) -> Result<Value, String> {
        serde_json::from_str(&self.get(&format!("/flows?hour={hour}"))?)
            .map_err(|error| error.to_string())
    }

    /// The hours since the aggregator was started: most often one, and two at the end of an hour.
    pub fn hours(&self) -> RangeInclusive<u64> {
        self.first_hour..=current_hour()
    }

    /// All flows of the hours since the aggregator was started.
    pub fn totals(&self) -> Result<Totals, String> {
        let mut totals = Totals::default();
        for hour in self.hours() {
            totals.add_answer(hour, &self.flows(hour)?)?;
        }
        Ok(totals)
    }

    /// Waits until the aggregates are `expected`: these flows, to the byte, and no others.
    pub fn wait_for_totals(&self, expected: &Totals) {
        wait_for(&format!("the aggregates to be {expected:#?}"), || {
            let totals = self.totals()?;
            if totals == *expected { Ok(()) } else { Err(format!("they are {totals:#?}")) }
        });
    }

    /// All flows of all hours.
    pub fn by_hour(&self) -> Result<Hours, String> {
        let listing: Value =
            serde_json::from_str(&self.get("/v1/hours")?).map_err(|error| error.to_string())?;
        let mut hours = Hours::default();
        for row in listing["hours"].as_array().into_iter().flatten() {
            let hour = row["hour"].as_u64().ok_or_else(|| format!("not an hour: {row}"))?;
            hours.entry(hour).or_default().add_answer(hour, &self.flows(hour)?)?;
        }
        Ok(hours)
    }

    /// Waits until the aggregates are `expected`: these flows in these hours, to the byte, and no
    /// others.
    pub fn wait_for_hours(&self, expected: &Hours) {
        wait_for(&format!("the aggregates to be {expected:#?}"), || {
            let hours = self.by_hour()?;
            if hours == *expected { Ok(()) } else { Err(format!("they are {hours:#?}")) }
        });
    }

    /// Waits until all flows of all hours add up to `expected`.
    pub fn wait_for_sum(&self, expected: Bytes) {
        wait_for(&format!("the aggregates to add up to {expected:?}"), || {
            let sum: Bytes = self.by_hour()?.values().map(Totals::sum).sum();
            if sum == expected { Ok(()) } else { Err(format!("they add up to {sum:?}")) }
        });
    }

    /// The instances of the sidecar `node` that have reported: their ids, and the bytes that they
    /// have reported as lost.
    pub fn instances(&self, node: &str) -> Result<BTreeMap<String, u64>, String> {
        let listing: Value =
            serde_json::from_str(&self.get("/v1/instances")?).map_err(|error| error.to_string())?;
        let rows = listing["instances"].as_array().into_iter().flatten();
        let told =
            rows.map(|row| Some((row["id"].as_str()?.to_owned(), row["lost_bytes"].as_u64()?)));
        let told: Option<BTreeMap<_, _>> = told.collect();
        let mut told = told.ok_or_else(|| format!("not instances: {listing}"))?;
        told.retain(|id, _| id.starts_with(node));
        Ok(told)
    }

    /// The body of a 200 for `path`.
    pub fn get(&self, path: &str) -> Result<String, String> {
        let url = format!("{}{path}", self.url());
        let mut request = self.agent.get(&url);
        if let Some(security) = &self.security {
            request = request.header("authorization", security.authorization());
        }
        let mut answer = request.call().map_err(|error| error.to_string())?;
        let body = answer.body_mut().with_config().limit(u64::MAX).read_to_string();
        let body = body.map_err(|error| error.to_string())?;
        if answer.status() != 200 {
            return Err(format!("{url}: {} {body}", answer.status()));
        }
        Ok(body)
    }

    fn is_ready(&self) -> bool {
        self.get("/readyz").is_ok()
    }
}

/// Hours since the Unix epoch, as the filter numbers them.
pub fn current_hour() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    now.as_secs() / 3600
}
