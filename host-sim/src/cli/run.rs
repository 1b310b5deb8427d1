//! `host-sim run`: one file, with all that happened.

use std::{io::Write, path::PathBuf};

use host_sim::{Document, runner};

use super::{CliError, settings::ScenarioSettings, write_json};

/// Run a scenario, print what happened, and fail when an expectation does not hold
#[derive(clap::Args)]
pub(super) struct Run {
    /// The scenario, a YAML file
    scenario: PathBuf,
    /// The plugin, in place of the scenario's
    #[arg(long, value_name = "X.wasm")]
    plugin: Option<PathBuf>,
    #[command(flatten)]
    settings: ScenarioSettings,
    /// Only the case with this name
    #[arg(long)]
    case: Option<String>,
    /// Print one JSON document in place of text; a list of them if the file has cases
    #[arg(long)]
    json: bool,
}

impl Run {
    pub(super) fn run(self, out: &mut impl Write) -> Result<bool, CliError> {
        let (settings, options) = self.settings.split(self.plugin);
        let mut scenarios = Document::load(&self.scenario)?.scenarios(&settings)?;
        let has_cases = scenarios.iter().any(|scenario| scenario.case.is_some());
        if let Some(case) = &self.case {
            let names: Vec<String> =
                scenarios.iter().filter_map(|scenario| scenario.case.clone()).collect();
            scenarios.retain(|scenario| scenario.case.as_ref() == Some(case));
            if scenarios.is_empty() {
                let names = names.join(", ");
                let reason = format!("there is no case `{case}`; there are: {names}");
                return Err(CliError::Module { path: self.scenario, reason });
            }
        }
        let mut reports = Vec::new();
        for scenario in &scenarios {
            let report = runner::run(scenario, &options)?;
            if !self.json {
                report.write_text(out)?;
            }
            reports.push(report);
        }
        match reports.as_slice() {
            [report] if self.json && !has_cases => report.write_json(out)?,
            reports if self.json => write_json(&reports, out)?,
            _ => {}
        }
        Ok(reports.iter().all(host_sim::report::Report::passed))
    }
}
