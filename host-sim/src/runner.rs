//! Runs a scenario: starts the host, takes the steps, checks the expectations, and reports.

mod check;
mod steps;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub use self::steps::StepError;
use crate::{
    host::{Host, builder::StartFailure, traffic::StreamId},
    report::{Failure, Report},
    scenario::{Scenario, configuration_text, step::Step},
    timeline::Event,
    vm::plugin::{Plugin, PluginError},
};

/// What is said when a scenario is run, besides the scenario.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A plugin in place of the scenario's.
    pub plugin: Option<PathBuf>,
    /// Real servers, by cluster: base URLs.
    pub upstreams: BTreeMap<String, String>,
}

/// Why a scenario could not be run to its end. An expectation that does not hold is no such error.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Neither the scenario nor the caller names a plugin.
    #[error("no plugin: the scenario names none, and neither does --plugin")]
    NoPlugin,
    /// The plugin cannot be read.
    #[error("{}: {error}", path.display())]
    ReadPlugin {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The plugin is none for this host.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// Nobody answers for a cluster.
    #[error("cluster `{0}` has neither `server` nor `reply`, and --upstream {0}=URL is missing")]
    NoBackend(String),
    /// A server is given for a cluster that the scenario does not have.
    #[error("--upstream {0}=URL: the scenario has no cluster `{0}`")]
    NoCluster(String),
    /// The host does not start.
    #[error("the host does not start: {0}")]
    Start(#[from] StartFailure),
    /// A step cannot be taken.
    #[error("{at}: {error}")]
    Step {
        /// Which.
        at: String,
        /// Why.
        error: StepError,
        /// What happened until then.
        timeline: Vec<Event>,
    },
}

/// Runs a scenario to its end.
pub fn run(scenario: &Scenario, options: &Options) -> Result<Report, RunError> {
    let path = options.plugin.as_ref().or(scenario.plugin.as_ref()).ok_or(RunError::NoPlugin)?;
    run_plugin(scenario, options, load(path)?)
}

/// Runs a scenario to its end, with a plugin that is loaded already.
pub fn run_plugin(
    scenario: &Scenario,
    options: &Options,
    plugin: Plugin,
) -> Result<Report, RunError> {
    let host = start(scenario, options, plugin)?;
    let mut runner =
        Runner { scenario, options, host, streams: BTreeMap::new(), report: Report::default() };
    if let Err((at, error)) = runner.steps("steps", &scenario.steps) {
        let timeline = runner.host.timeline().clone();
        return Err(RunError::Step { at, error, timeline });
    }
    runner.check_failures();
    let Runner { host, mut report, .. } = runner;
    report.name.clone_from(&scenario.name);
    report.timeline = host.timeline().clone();
    Ok(report)
}

fn load(path: &Path) -> Result<Plugin, RunError> {
    let bytes = std::fs::read(path)
        .map_err(|error| RunError::ReadPlugin { path: path.to_owned(), error })?;
    Ok(Plugin::load(&bytes)?)
}

fn start(scenario: &Scenario, options: &Options, plugin: Plugin) -> Result<Host, RunError> {
    let unknown = options.upstreams.keys().find(|name| !scenario.callouts.contains_key(*name));
    if let Some(name) = unknown {
        return Err(RunError::NoCluster(name.clone()));
    }
    let node = &scenario.node;
    let mut builder = Host::builder(plugin)
        .workers(scenario.workers)
        .start_time(scenario.start.0)
        .failure_policy(scenario.failure_policy)
        .configuration(configuration_text(&scenario.configuration))
        .vm_configuration(configuration_text(&scenario.vm_configuration))
        .vm_id(&scenario.vm_id)
        .plugin_name(&scenario.plugin_name)
        .root_id(&scenario.root_id)
        .node(&node.id, &node.cluster, node.metadata.clone());
    for (name, target) in &scenario.callouts {
        let cluster = target.cluster(options.upstreams.get(name));
        builder = builder.cluster(name, cluster.ok_or_else(|| RunError::NoBackend(name.clone()))?);
    }
    Ok(builder.start()?)
}

struct Runner<'a> {
    scenario: &'a Scenario,
    options: &'a Options,
    host: Host,
    /// The open streams, by the names that the steps give them.
    streams: BTreeMap<String, StreamId>,
    report: Report,
}

impl Runner<'_> {
    /// Takes steps; an error comes with the place of its step.
    fn steps(&mut self, path: &str, steps: &[Step]) -> Result<(), (String, StepError)> {
        for (index, step) in steps.iter().enumerate() {
            let at = format!("{path}[{index}]");
            if let Step::Repeat(repeat) = step {
                for round in 1..=repeat.times {
                    let path = format!("{at}.repeat({round} of {})", repeat.times);
                    self.steps(&path, &repeat.steps)?;
                }
            } else if let Step::Expect(expect) = step {
                let problem = self.check(expect).map_err(|error| (at.clone(), error))?;
                self.settle_expectation(at, problem);
            } else {
                self.step(step).map_err(|error| (at, error))?;
            }
        }
        Ok(())
    }

    fn settle_expectation(&mut self, at: String, problem: Option<String>) {
        self.report.checked += 1;
        if let Some(problem) = problem {
            self.host.note(format!("NOT AS EXPECTED, {at}: {problem}"));
            self.report.failures.push(Failure { at, problem });
        }
    }

    /// A failure of the plugin that no step expects is one of the scenario.
    fn check_failures(&mut self) {
        if let Some(problem) = check::unexpected_failures(&self.host, &self.scenario.steps) {
            self.report.failures.push(Failure { at: "the whole run".to_owned(), problem });
        }
    }
}
