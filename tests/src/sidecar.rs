//! One Envoy with one of the sample configurations.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ureq::Agent;

use crate::access_log::AccessLog;
use crate::client::agent;
use crate::clock::Clock;
use crate::listeners::Listeners;
use crate::process::Process;
use crate::programs;
use crate::sample::Sample;

/// A running sidecar.
pub struct Sidecar {
    process: Process,
    admin_port: u16,
    access_log: PathBuf,
    listeners: Option<Listeners>,
    agent: Agent,
}

/// How a sidecar is started.
pub struct Settings<'a> {
    /// The name of its files.
    pub name: String,
    /// Its configuration.
    pub sample: Sample,
    /// The port of its admin page.
    pub admin_port: u16,
    /// The number of worker threads.
    pub workers: usize,
    /// Whether its listeners can be changed while it runs.
    pub has_dynamic_listeners: bool,
    /// Its wall clock, if that is not the machine's.
    pub clock: Option<&'a Clock>,
}

impl Sidecar {
    /// Starts Envoy and waits until it serves.
    pub fn start(settings: Settings<'_>, directory: &Path) -> Self {
        let access_log = directory.join(format!("{}-access.log", settings.name));
        let sample = settings
            .sample
            .put_filter(&programs::filter())
            .put("path: /dev/stdout", &format!("path: {}", access_log.display()));
        let configuration = directory.join(format!("{}.yaml", settings.name));
        sample.write(&configuration);
        let listeners = settings.has_dynamic_listeners.then(|| {
            let path = directory.join(format!("{}-listeners.yaml", settings.name));
            let (listeners, rest) = Listeners::split(sample.text(), &path);
            std::fs::write(&configuration, rest).expect("the configuration can be written");
            listeners
        });

        let mut command = serve(&configuration, settings.workers);
        if let Some(clock) = settings.clock {
            clock.rule(&mut command);
        }
        let process = Process::start(&settings.name, &mut command, directory);
        let mut sidecar = Self {
            process,
            admin_port: settings.admin_port,
            access_log,
            listeners,
            agent: agent(Duration::from_secs(10)),
        };
        let (agent, url) = (sidecar.agent.clone(), sidecar.admin_url("/ready"));
        sidecar
            .process
            .wait_until_ready(|| agent.get(&url).call().is_ok_and(|answer| answer.status() == 200));
        sidecar
    }

    /// Its listeners, which must have been made dynamic.
    pub fn listeners(&self) -> &Listeners {
        self.listeners.as_ref().expect("the listeners are dynamic")
    }

    /// The access log of one of its listeners.
    pub fn access_log(&self, listener: &str) -> AccessLog {
        AccessLog::new(self.access_log.clone(), listener)
    }

    /// The value of one of Envoy's counters, or 0 while there is none of that name.
    pub fn counter(&self, name: &str) -> u64 {
        let stats = self.admin("/stats?type=Counters");
        let values = stats.lines().filter_map(|line| line.split_once(": "));
        let value = values.filter(|(counter, _)| *counter == name).map(|(_, value)| value).next();
        value.map_or(0, |value| value.parse().expect("a counter is a number"))
    }

    /// The answer of Envoy's admin page for `path`.
    pub fn admin(&self, path: &str) -> String {
        let answer = self.agent.get(self.admin_url(path)).call();
        let body = answer.and_then(|mut answer| answer.body_mut().read_to_string());
        body.unwrap_or_else(|error| panic!("Envoy's admin page does not answer {path}: {error}"))
    }

    /// What Envoy and the filter have logged.
    pub fn log(&self) -> String {
        self.process.output()
    }

    /// Ends Envoy as an orchestrator does, with SIGTERM, unless it has ended.
    pub fn stop(&mut self) {
        if self.process.exit().is_some() {
            return;
        }
        let status = self.process.terminate();
        assert!(status.success(), "Envoy ended with {status} on SIGTERM");
    }

    fn admin_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.admin_port)
    }
}

/// The command that serves with the configuration in a file.
pub fn serve(configuration: &Path, workers: usize) -> Command {
    let mut command = Command::new(programs::envoy());
    command.arg("--config-path").arg(configuration);
    command.args(["--concurrency", &workers.to_string()]);
    // Many Envoys run side by side here, and none takes over from another.
    command.arg("--disable-hot-restart");
    // What a listener that goes leaves its connections; by default, ten minutes.
    command.args(["--drain-time-s", "1"]);
    // By default, access logs are written out every ten seconds.
    command.args(["--file-flush-interval-msec", "50", "--log-level", "warning"]);
    command
}
