//! `host-sim bench`: runs a scenario several times and shows what each callback costs.

use std::{io::Write, path::PathBuf};

use host_sim::{Cost, Costs, Document, runner};
use serde_json::{Value, json};

use super::{CliError, settings::ScenarioSettings, write_json};

/// Measure what each callback costs in a scenario
#[derive(clap::Args)]
pub(super) struct Bench {
    /// The module, in place of the scenario's
    #[arg(value_name = "X.wasm")]
    module: PathBuf,
    /// The scenario
    scenario: PathBuf,
    #[command(flatten)]
    settings: ScenarioSettings,
    /// How often the scenario runs
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    rounds: u32,
    /// Print one JSON document in place of a table
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub(super) fn run(self, out: &mut impl Write) -> Result<bool, CliError> {
        let (settings, mut options) = self.settings.split(Some(self.module));
        options.measure = true;
        let scenarios = Document::load(&self.scenario)?.scenarios(&settings)?;
        let (mut costs, mut all_passed) = (Costs::new(), true);
        for scenario in &scenarios {
            let plugin = runner::plugin(scenario, &options)?;
            for _ in 0..self.rounds.max(1) {
                let (report, round) = runner::run_measured(scenario, &options, plugin.clone())?;
                all_passed &= report.passed();
                for (callback, cost) in &round {
                    costs.entry(callback.clone()).or_default().add(cost);
                }
            }
        }
        match self.json {
            true => write_json(&document(&costs, self.rounds, all_passed), out)?,
            false => write_table(&costs, self.rounds, out)?,
        }
        if !all_passed && !self.json {
            let scenario = self.scenario.display();
            writeln!(out, "\nnot all was as expected: see host-sim run {scenario}")?;
        }
        Ok(all_passed)
    }
}

/// The mean of a sum over calls.
#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn mean(sum: u64, calls: u64) -> f64 {
    if calls == 0 { 0.0 } else { sum as f64 / calls as f64 }
}

fn document(costs: &Costs, rounds: u32, all_passed: bool) -> Value {
    let callbacks = costs.iter().map(|(callback, cost)| {
        let Cost {
            calls,
            cpu_ns,
            max_cpu_ns,
            fuel,
            memory_bytes,
            allocations,
            allocated_bytes,
            ..
        } = *cost;
        let cost = json!({
            "calls": calls,
            "cpu_ns": cpu_ns,
            "cpu_ns_per_call": mean(cpu_ns, calls),
            "max_cpu_ns": max_cpu_ns,
            "fuel": fuel,
            "fuel_per_call": mean(fuel, calls),
            "memory_bytes": memory_bytes,
            "allocations": allocations,
            "allocated_bytes": allocated_bytes,
        });
        (callback.clone(), cost)
    });
    let callbacks: serde_json::Map<String, Value> = callbacks.collect();
    json!({ "rounds": rounds, "passed": all_passed, "callbacks": callbacks })
}

fn write_table(costs: &Costs, rounds: u32, out: &mut impl Write) -> std::io::Result<()> {
    let all = costs.values().fold(0_u64, |sum, cost| sum.saturating_add(cost.cpu_ns));
    writeln!(out, "{rounds} rounds; processor time and fuel are per call, the rest is in all\n")?;
    writeln!(
        out,
        "{:<38} {:>9} {:>10} {:>10} {:>7} {:>11} {:>12} {:>11} {:>12}",
        "callback",
        "calls",
        "cpu us",
        "max us",
        "share",
        "fuel",
        "memory KiB",
        "allocations",
        "alloc. KiB"
    )?;
    let mut rows: Vec<(&String, &Cost)> = costs.iter().collect();
    rows.sort_by_key(|(_, cost)| std::cmp::Reverse(cost.cpu_ns));
    rows.into_iter().try_for_each(|(callback, cost)| {
        writeln!(
            out,
            "{callback:<38} {:>9} {:>10.2} {:>10.2} {:>6.1}% {:>11.0} {:>12} {:>11} {:>12.1}",
            cost.calls,
            mean(cost.cpu_ns, cost.calls) / 1_000.0,
            mean(cost.max_cpu_ns, 1) / 1_000.0,
            100.0 * mean(cost.cpu_ns, all),
            mean(cost.fuel, cost.calls),
            cost.memory_bytes / 1024,
            cost.allocations,
            mean(cost.allocated_bytes, 1024),
        )
    })
}
