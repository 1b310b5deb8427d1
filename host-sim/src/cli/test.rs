//! `host-sim test`: every scenario of a folder, in parallel, summed up.

mod junit;
mod pool;

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use host_sim::report::Report;
use serde::Serialize;

use super::{CliError, settings::ScenarioSettings, write_json};

/// Run all scenarios of a folder, in parallel, and sum up
#[derive(clap::Args)]
pub(super) struct Test {
    /// A folder, searched for *.yaml and *.yml all the way down, or a file
    #[arg(required = true, value_name = "DIR")]
    paths: Vec<PathBuf>,
    /// The plugin, in place of the scenario's
    #[arg(long, value_name = "X.wasm")]
    plugin: Option<PathBuf>,
    #[command(flatten)]
    settings: ScenarioSettings,
    /// Only scenarios whose file, name or case has this text in it
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// How many run at a time; as many as there are processors unless said otherwise
    #[arg(long, value_name = "NUMBER")]
    jobs: Option<usize>,
    /// Write a JUnit report too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print one JSON document in place of text
    #[arg(long)]
    json: bool,
}

/// What became of one scenario.
#[derive(Debug, Serialize)]
struct Tested {
    file: PathBuf,
    /// Its name and case; the file where it could not be read.
    name: String,
    /// Wall-clock time.
    #[serde(skip)]
    took: Duration,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// It ran to its end.
    Report(Report),
    /// It could not be run; what happened until then is told with the reason.
    Error(String),
}

#[derive(Default, Serialize)]
struct Summary {
    passed: usize,
    failed: usize,
    errors: usize,
}

impl Test {
    pub(super) fn run(self, out: &mut impl Write) -> Result<bool, CliError> {
        let (mut files, mut seen) = (Vec::new(), BTreeSet::new());
        for path in &self.paths {
            find(path, &mut files, &mut seen)?;
        }
        files.sort();
        files.dedup();
        let jobs = self.jobs.unwrap_or_else(|| {
            std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
        });
        let (settings, options) = self.settings.split(self.plugin);
        let (tasks, mut tested) = pool::read(&files, &settings, self.filter.as_deref());
        tested.extend(pool::run(tasks, &options, jobs));
        if tested.is_empty() {
            return Err(CliError::Other("there is no such scenario".to_owned()));
        }
        tested.sort_by(|a, b| (&a.file, &a.name).cmp(&(&b.file, &b.name)));
        let summary = sum_up(&tested);
        if let Some(path) = &self.junit {
            junit::write(&tested, path)?;
        }
        match self.json {
            true => {
                write_json(&serde_json::json!({ "summary": summary, "scenarios": tested }), out)?
            }
            false => write_text(&tested, &summary, out)?,
        }
        if summary.errors > 0 {
            let errors = summary.errors;
            return Err(CliError::Other(format!("{errors} scenarios could not be run")));
        }
        Ok(summary.failed == 0)
    }
}

/// The scenarios under a path. What is hidden is left out. A folder counts once, though links lead
/// to it again.
fn find(
    path: &Path,
    files: &mut Vec<PathBuf>,
    seen: &mut BTreeSet<PathBuf>,
) -> Result<(), CliError> {
    let failed = |error| CliError::File { path: path.to_owned(), error };
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    if !seen.insert(path.canonicalize().map_err(failed)?) {
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
        if name.starts_with('.') {
            continue;
        }
        if entry.path().is_dir() {
            find(&entry.path(), files, seen)?;
        } else if is_yaml {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn sum_up(tested: &[Tested]) -> Summary {
    let mut summary = Summary::default();
    for one in tested {
        match &one.outcome {
            Outcome::Report(report) if report.passed() => summary.passed += 1,
            Outcome::Report(_) => summary.failed += 1,
            Outcome::Error(_) => summary.errors += 1,
        }
    }
    summary
}

fn write_text(tested: &[Tested], summary: &Summary, out: &mut impl Write) -> Result<(), CliError> {
    for Tested { file, name, outcome, .. } in tested {
        let file = file.display();
        match outcome {
            Outcome::Report(report) if report.passed() => {
                writeln!(out, "ok     {file}: {name}: {}", report.verdict())?;
            }
            Outcome::Report(report) => {
                writeln!(out, "FAILED {file}: {name}")?;
                let mut text = Vec::new();
                report.write_failures(&mut text)?;
                write_indented(&String::from_utf8_lossy(&text), out)?;
            }
            Outcome::Error(reason) => {
                writeln!(out, "ERROR  {file}: {name}")?;
                write_indented(reason, out)?;
            }
        }
        if let Outcome::Report(report) = outcome {
            for path in &report.written {
                writeln!(out, "       written: {}", path.display())?;
            }
        }
    }
    let Summary { passed, failed, errors } = summary;
    let all = tested.len();
    Ok(writeln!(
        out,
        "\n{all} scenarios: {passed} passed, {failed} failed, {errors} could not be run"
    )?)
}

fn write_indented(text: &str, out: &mut impl Write) -> std::io::Result<()> {
    text.lines().try_for_each(|line| writeln!(out, "       {line}"))
}
