//! Reads scenarios and runs them on several threads. A scenario itself runs on one thread, as
//! always; each plugin is compiled once.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant},
};

use host_sim::{
    Document, Plugin, Scenario,
    runner::{self, Options, RunError},
    scenario::Settings,
};

use super::{Outcome, Tested};
use crate::cli::CliError;

/// A scenario that is to run.
pub(super) struct Task {
    file: PathBuf,
    scenario: Scenario,
}

/// Reads files; what cannot be read is tested already.
pub(super) fn read(
    files: &[PathBuf],
    settings: &Settings,
    filter: Option<&str>,
) -> (Vec<Task>, Vec<Tested>) {
    let (mut tasks, mut errors) = (Vec::new(), Vec::new());
    for file in files {
        let scenarios = Document::load(file).and_then(|document| document.scenarios(settings));
        let is_wanted = |name: &str| {
            filter.is_none_or(|text| name.contains(text) || file.to_string_lossy().contains(text))
        };
        match scenarios {
            Ok(scenarios) => {
                let wanted = scenarios.into_iter().filter(|one| is_wanted(&one.full_name()));
                tasks.extend(wanted.map(|scenario| Task { file: file.clone(), scenario }));
            }
            Err(error) if is_wanted("") => errors.push(Tested {
                file: file.clone(),
                name: "cannot be read".to_owned(),
                took: Duration::ZERO,
                outcome: Outcome::Error(error.to_string()),
            }),
            Err(_) => {}
        }
    }
    (tasks, errors)
}

/// Runs scenarios, `jobs` at a time.
pub(super) fn run(tasks: Vec<Task>, options: &Options, jobs: usize) -> Vec<Tested> {
    let plugins = Plugins::default();
    let jobs = jobs.min(tasks.len());
    let waiting = Mutex::new(tasks.into_iter());
    let tested = Mutex::new(Vec::new());
    let work = || {
        loop {
            let task = lock(&waiting).next();
            let Some(Task { file, scenario }) = task else { return };
            let started = Instant::now();
            let outcome = run_one(&scenario, options, &plugins);
            let (name, took) = (scenario.full_name(), started.elapsed());
            lock(&tested).push(Tested { file, name, took, outcome });
        }
    };
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(work);
        }
    });
    tested.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run_one(scenario: &Scenario, options: &Options, plugins: &Plugins) -> Outcome {
    let result = runner::plugin_path(scenario, options)
        .map_err(|error| error.to_string())
        .and_then(|path| plugins.get(path, scenario, options))
        .and_then(|plugin| runner::run_plugin(scenario, options, plugin).map_err(tell));
    result.map_or_else(Outcome::Error, Outcome::Report)
}

/// An error with what led to it.
fn tell(error: RunError) -> String {
    let error = CliError::Run(error);
    let timeline = error.timeline();
    let hidden = timeline.len().saturating_sub(host_sim::report::EVENTS_BEFORE);
    let mut text = error.to_string();
    for event in timeline.iter().skip(hidden) {
        text.push_str(&format!("\n    {event}"));
    }
    text
}

/// What becomes of compiling a plugin.
type Compiled = Arc<OnceLock<Result<Plugin, String>>>;

/// Plugins, each compiled when it is first needed.
#[derive(Default)]
struct Plugins(Mutex<BTreeMap<PathBuf, Compiled>>);

impl Plugins {
    fn get(&self, path: &Path, scenario: &Scenario, options: &Options) -> Result<Plugin, String> {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let compiled = Arc::clone(lock(&self.0).entry(path).or_default());
        let plugin = compiled
            .get_or_init(|| runner::plugin(scenario, options).map_err(|error| error.to_string()));
        plugin.clone()
    }
}
