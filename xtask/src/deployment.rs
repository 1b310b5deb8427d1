//! `cargo xtask deployment`: what an operator applies, checked by what can be checked without a
//! cluster, a container engine and a running systemd.
//!
//! `tools` brings the programs; `manifests` has kubectl build the variants. The schemas, and what
//! must hold between files, are in `xtask/deployment/check.py`.

mod manifests;
mod tools;

use std::fs;
use std::path::Path;
use std::process::Command;

use self::tools::Tools;
use crate::command;
use crate::failure::{Doing, Failure, Result};
use crate::say;
use crate::workspace::Workspace;

/// How exposed the unit may be, in tenths, as `systemd-analyze security` counts: 100 is the worst.
const MAX_EXPOSURE: &str = "15";

/// The settings of a PrometheusRule, beside which everything stands that is not of Prometheus.
const RULES_BEGIN: &str = "spec:\n";

/// Fails at the first check that finds something.
pub fn check(workspace: &Workspace) -> Result<()> {
    let tools = say::step("what checks the deployment", Tools::set_up)?;
    let root = workspace.root();
    let built = root.join("target/deployment");
    // What an earlier run has left there is not to be checked.
    let _ = fs::remove_dir_all(&built);
    fs::create_dir_all(&built).doing(built.display())?;
    say::step("manifests", || {
        manifests::build(&tools.kubectl, root, &built)?;
        manifests::patch(&tools.kubectl, root, &built)?;
        let mut check = Command::new(&tools.python);
        check.args(["-B"]).arg(root.join("xtask/deployment/check.py")).arg(root).arg(&built);
        command::run(&mut check)
    })?;
    say::step("rules and dashboard", || check_rules(&tools.promtool, root, &built))?;
    say::step("image", || {
        command::run(Command::new(&tools.hadolint).arg(root.join("Dockerfile")))
    })?;
    say::step("unit", || check_unit(&root.join("envoy/standalone/fas.service"), &built))
}

/// The rules as Prometheus takes them, their tests, and the dashboard's queries, which `check.py`
/// has put among what is built.
fn check_rules(promtool: &Path, root: &Path, built: &Path) -> Result<()> {
    let source = root.join("envoy/observability");
    let resource = fs::read_to_string(source.join("rules.yaml")).doing("rules.yaml")?;
    let rules = built.join("rules.yaml");
    fs::write(&rules, plain_rules(&resource)?).doing(rules.display())?;
    let tests = built.join("rules-test.yaml");
    fs::copy(source.join("rules-test.yaml"), &tests).doing(tests.display())?;
    let promtool = |words: &[&str]| {
        let mut command = Command::new(promtool);
        command.current_dir(built).args(words);
        command::run(&mut command)
    };
    promtool(&["check", "rules", "rules.yaml", "dashboard-rules.yaml"])?;
    promtool(&["test", "rules", "rules-test.yaml"])?;
    let config = source.join("prometheus.yaml");
    promtool(&["check", "config", "--syntax-only", &config.to_string_lossy()])
}

/// What is in a PrometheusRule: as README.md there tells to take it out.
fn plain_rules(resource: &str) -> Result<String> {
    let (_, rules) = resource
        .split_once(RULES_BEGIN)
        .ok_or_else(|| Failure::new("rules.yaml has no settings of a PrometheusRule"))?;
    let lines = rules.lines().map(|line| line.strip_prefix("  ").unwrap_or(line));
    Ok(lines.flat_map(|line| [line, "\n"]).collect())
}

/// The unit with another program, because the real one is installed nowhere here.
fn check_unit(unit: &Path, built: &Path) -> Result<()> {
    let text = fs::read_to_string(unit).doing(unit.display())?;
    let copy = built.join("fas.service");
    fs::write(&copy, text.replace("/usr/local/bin/fas", "/bin/true")).doing(copy.display())?;
    let mut verify = Command::new("systemd-analyze");
    let output = verify.arg("verify").arg(&copy).output().doing(command::describe(&verify))?;
    // What it only warns of, such as a setting that it does not know, is a mistake all the same.
    if !output.status.success() || !output.stderr.is_empty() {
        return Err(Failure::new(String::from_utf8_lossy(&output.stderr).trim()));
    }
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=yes", "--no-pager", "--threshold", MAX_EXPOSURE]);
    let report = security.arg(&copy).output().doing(command::describe(&security))?;
    let report_text = String::from_utf8_lossy(&report.stdout);
    say::detail(report_text.trim().lines().last().unwrap_or_default().trim());
    match report.status.success() {
        true => Ok(()),
        false => Err(Failure::new(format!("{report_text}the unit is more exposed than it may be"))),
    }
}
