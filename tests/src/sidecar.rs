//! One Envoy with one of the sample configurations.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ureq::Agent;

use crate::access_log::AccessLog;
use crate::client::agent;
use crate::clock::Clock;
use crate::deadline::wait_until;
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
    hot: Option<HotRestart>,
}

/// What it takes to start an Envoy that takes over from a running one.
struct HotRestart {
    settings: (String, PathBuf, usize),
    directory: PathBuf,
    epoch: u32,
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
    /// How it writes its log, if not as by default.
    pub log_format: Option<&'static str>,
    /// Whether another Envoy can take over from it.
    pub has_hot_restart: bool,
    /// Whether its listeners can be changed while it runs.
    pub has_dynamic_listeners: bool,
    /// Its wall clock, if that is not the machine's.
    pub clock: Option<&'a Clock>,
}

impl Sidecar {
    /// Starts Envoy and waits until it serves.
    pub fn start(settings: Settings<'_>, directory: &Path) -> Self {
        let access_log = directory.join(format!("{}-access.log", settings.name));
        let sample =
            settings.sample.put("path: /dev/stdout", &format!("path: {}", access_log.display()));
        let configuration = directory.join(format!("{}.yaml", settings.name));
        sample.write(&configuration);
        let listeners = settings.has_dynamic_listeners.then(|| {
            let path = directory.join(format!("{}-listeners.yaml", settings.name));
            let (listeners, rest) = Listeners::split(sample.text(), &path);
            std::fs::write(&configuration, rest).expect("the configuration can be written");
            listeners
        });

        let hot = settings.has_hot_restart.then(|| HotRestart {
            settings: (settings.name.clone(), configuration.clone(), settings.workers),
            directory: directory.to_owned(),
            epoch: 0,
        });
        let mut command = match &hot {
            Some(hot) => hot.command(),
            None => serve(&configuration, settings.workers),
        };
        if let Some(format) = settings.log_format {
            command.args(["--log-format", format]);
        }
        if let Some(clock) = settings.clock {
            clock.rule(&mut command);
        }
        let process = Process::start(&settings.name, &mut command, directory);
        let mut sidecar = Self {
            process,
            admin_port: settings.admin_port,
            access_log,
            listeners,
            hot,
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
        let answer = self.ask(path);
        answer.unwrap_or_else(|error| panic!("Envoy's admin page does not answer {path}: {error}"))
    }

    fn ask(&self, path: &str) -> Result<String, ureq::Error> {
        self.agent.get(self.admin_url(path)).call()?.body_mut().read_to_string()
    }

    /// What Envoy and the filter have logged.
    pub fn log(&self) -> String {
        self.process.output()
    }

    /// Has another Envoy take over, with the same configuration, and waits until the first has
    /// ended.
    pub fn restart_hot(&mut self) {
        let hot = self.hot.as_mut().expect("the plan has a hot restart");
        hot.epoch += 1;
        let (name, epoch) = (hot.settings.0.clone(), hot.epoch);
        let next = Process::start(&name, &mut hot.command(), &hot.directory);
        let mut old = std::mem::replace(&mut self.process, next);
        let is_next = format!("\"restart_epoch\": {epoch}");
        wait_until("the next Envoy to take over", || {
            self.ask("/server_info").is_ok_and(|info| info.contains(&is_next))
        });
        assert!(old.wait().success(), "the old Envoy has not ended well");
    }

    /// Ends Envoy by its admin page, as a hook in its container can.
    pub fn quit(&mut self) {
        let answer = self.agent.post(self.admin_url("/quitquitquit")).send_empty();
        assert!(answer.is_ok_and(|answer| answer.status() == 200), "Envoy does not quit");
        assert!(self.process.wait().success(), "Envoy has not ended well");
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

impl HotRestart {
    fn command(&self) -> Command {
        let (name, configuration, workers) = &self.settings;
        let mut command = envoy(configuration, *workers);
        let id = self.directory.join(format!("{name}.base-id"));
        if self.epoch == 0 {
            command.arg("--use-dynamic-base-id").arg("--base-id-path").arg(id);
        } else {
            let id = std::fs::read_to_string(id).expect("the first Envoy has written its id");
            command.args(["--base-id", id.trim(), "--restart-epoch", &self.epoch.to_string()]);
        }
        command.args(["--parent-shutdown-time-s", "2"]);
        command
    }
}

/// The command that serves with the configuration in a file.
pub fn serve(configuration: &Path, workers: usize) -> Command {
    let mut command = envoy(configuration, workers);
    // Many Envoys run side by side here, and none takes over from another.
    command.arg("--disable-hot-restart");
    command
}

fn envoy(configuration: &Path, workers: usize) -> Command {
    let mut command = Command::new(programs::envoy());
    command.arg("--config-path").arg(configuration);
    command.args(["--concurrency", &workers.to_string()]);
    // What a listener that goes leaves its connections; by default, ten minutes.
    command.args(["--drain-time-s", "1"]);
    // By default, access logs are written out every ten seconds.
    command.args(["--file-flush-interval-msec", "50", "--log-level", "warning"]);
    command
}
