//! Runs a scenario: starts the host, takes the steps, checks the expectations, and reports.

mod check;
mod golden;
mod observe;
mod start;
mod steps;
mod traffic;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub use self::steps::StepError;
use self::traffic::OpenStream;
use crate::{
    host::{Host, builder::StartFailure},
    report::{Failure, Report},
    scenario::{
        Scenario,
        expect::Expect,
        reader::Placed,
        step::{Repeat, Step},
    },
    stream::exchange::Exchange,
    timeline::Event,
    vm::{
        meter::Costs,
        plugin::{Plugin, PluginError},
    },
};

/// What is said when a scenario is run, besides the scenario.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// A plugin in place of the scenario's.
    pub plugin: Option<PathBuf>,
    /// Real servers, by cluster: base URLs.
    pub upstreams: BTreeMap<String, String>,
    /// Write golden files in place of comparing with them.
    pub update: bool,
    /// Measure what callbacks cost.
    pub measure: bool,
}

/// Why a scenario could not be run to its end. An expectation that does not hold is no such error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
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
    #[error("{}{at}: {error}", place(file, *line))]
    Step {
        /// Which.
        at: String,
        /// The file of the scenario.
        file: Option<PathBuf>,
        /// In which line of it; 0 if it is from no file.
        line: u32,
        /// Why.
        error: StepError,
        /// What happened until then.
        timeline: Vec<Event>,
    },
}

/// `FILE:LINE: `, as far as it is known.
fn place(file: &Option<PathBuf>, line: u32) -> String {
    let file = file.as_ref().map(|file| format!("{}:", file.display())).unwrap_or_default();
    if line > 0 { format!("{file}{line}: ") } else { String::new() }
}

/// The plugin of a scenario, compiled.
pub fn plugin(scenario: &Scenario, options: &Options) -> Result<Plugin, RunError> {
    start::load(plugin_path(scenario, options)?)
}

/// Where the plugin of a scenario is.
pub fn plugin_path<'a>(scenario: &'a Scenario, options: &'a Options) -> Result<&'a Path, RunError> {
    let path = options.plugin.as_ref().or(scenario.plugin.as_ref());
    path.map(PathBuf::as_path).ok_or(RunError::NoPlugin)
}

/// Runs a scenario to its end.
pub fn run(scenario: &Scenario, options: &Options) -> Result<Report, RunError> {
    run_plugin(scenario, options, plugin(scenario, options)?)
}

/// Runs a scenario to its end, with a plugin that is loaded already.
pub fn run_plugin(
    scenario: &Scenario,
    options: &Options,
    plugin: Plugin,
) -> Result<Report, RunError> {
    run_measured(scenario, options, plugin).map(|(report, _)| report)
}

/// Runs a scenario to its end, and gives what the callbacks cost if that is to be measured.
pub fn run_measured(
    scenario: &Scenario,
    options: &Options,
    plugin: Plugin,
) -> Result<(Report, Costs), RunError> {
    let mut host = start::start(scenario, options, plugin)?;
    if options.measure {
        host.measure();
    }
    let mut runner = Runner {
        scenario,
        options,
        host,
        streams: BTreeMap::new(),
        finished: BTreeMap::new(),
        report: Report::new(scenario),
    };
    if let Err((at, line, error)) = runner.steps("steps", &scenario.steps) {
        let timeline = runner.host.take_timeline();
        let file = scenario.file.clone();
        return Err(RunError::Step { at, file, line, error, timeline });
    }
    runner.check_failures();
    let Runner { mut host, mut report, .. } = runner;
    report.timeline = host.take_timeline();
    Ok((report, host.costs()))
}

/// A step's path, its line, and why it cannot be taken.
type Stopped = (String, u32, StepError);

struct Runner<'a> {
    scenario: &'a Scenario,
    options: &'a Options,
    host: Host,
    /// The open streams, by the names that the steps give them.
    streams: BTreeMap<String, OpenStream>,
    /// What came out of streams that are closed, by the same names.
    finished: BTreeMap<String, Exchange>,
    report: Report,
}

impl Runner<'_> {
    /// Takes steps; an error comes with the place of its step.
    fn steps(&mut self, path: &str, steps: &[Placed<Step>]) -> Result<(), Stopped> {
        for (index, Placed { line, value: step }) in steps.iter().enumerate() {
            let at = format!("{path}[{index}]");
            let stopped = |error: StepError| (at.clone(), *line, error);
            match step {
                Step::Repeat(repeat) => self.repeat(&at, repeat)?,
                Step::Expect(expect) => {
                    let problem = self.check(expect).map_err(stopped)?;
                    self.settle_expectation(&at, *line, problem);
                }
                step => self.step(step).map_err(stopped)?,
            }
            self.host.end_replaced().map_err(|error| stopped(error.into()))?;
        }
        Ok(())
    }

    fn repeat(&mut self, at: &str, repeat: &Repeat) -> Result<(), Stopped> {
        for (round, steps) in repeat.rounds().enumerate() {
            let path = format!("{at}.repeat({} of {})", round + 1, repeat.count());
            self.steps(&path, steps)?;
        }
        Ok(())
    }

    fn settle_expectation(&mut self, at: &str, line: u32, problem: Option<String>) {
        self.report.checked += 1;
        if let Some(problem) = problem {
            let event = self.host.timeline().len();
            let failure = Failure { at: at.to_owned(), line, problem, event };
            self.host.note(format!("NOT AS EXPECTED, {}: {}", failure.at, failure.problem));
            self.report.failures.push(failure);
        }
    }

    /// A failure of the plugin that no step expects is one of the scenario.
    fn check_failures(&mut self) {
        let expects_failures =
            any_expectation(&self.scenario.steps, &|expect| matches!(expect, Expect::Failures(_)));
        if expects_failures {
            return;
        }
        if let Some((event, problem)) = check::unexpected_failures(&self.host) {
            let at = "the whole run".to_owned();
            self.report.failures.push(Failure { at, line: 0, problem, event });
        }
    }
}

/// Whether some expectation among the steps is such a one.
fn any_expectation(steps: &[Placed<Step>], is_such: &impl Fn(&Expect) -> bool) -> bool {
    steps.iter().any(|step| match &step.value {
        Step::Expect(expect) => is_such(expect),
        Step::Repeat(repeat) => {
            let mut rounds = std::iter::once(repeat.steps.as_slice())
                .chain(repeat.rounds.iter().flatten().map(Vec::as_slice));
            rounds.any(|steps| any_expectation(steps, is_such))
        }
        _ => false,
    })
}
