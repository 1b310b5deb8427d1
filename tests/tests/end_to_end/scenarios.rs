//! The simulator's scenarios, each against an aggregator of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use flow_tests::fas::Fas;
use flow_tests::ports::free_port;
use flow_tests::programs;
use tempfile::TempDir;

#[test]
fn every_scenario_holds() {
    let directory = programs::tests_directory().join("scenarios");
    let entries = fs::read_dir(&directory).expect("there are scenarios");
    let paths = entries.map(|entry| entry.expect("a directory can be read").path());
    let mut scenarios: Vec<PathBuf> = paths.filter(|path| is_yaml(path)).collect();
    scenarios.sort();
    assert!(!scenarios.is_empty(), "{} has no scenarios", directory.display());

    let failures: Vec<String> = scenarios.iter().filter_map(|path| run(path).err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml")
}

fn run(scenario: &Path) -> Result<(), String> {
    let directory = TempDir::new().expect("a directory can be made");
    let fas = Fas::start(free_port(), directory.path());
    let mut simulator = Command::new(programs::host_sim());
    simulator.arg("run").arg(scenario).arg("--plugin").arg(programs::filter());
    simulator.args(["--upstream", &format!("flow_aggregator={}", fas.url())]);
    let output = simulator.output().expect("the simulator can be started");
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    println!("---- {} ----\n{printed}", scenario.display());
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{} ended with {}", scenario.display(), output.status)),
    }
}
