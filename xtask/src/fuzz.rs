//! `cargo xtask fuzz`: each fuzz target for a while. With `cargo fuzz` installed, `cargo fuzz run`
//! does the same; this needs nothing but the toolchain that is here, which has no sanitizers.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::command;
use crate::failure::{Doing, Failure, Result};
use crate::say;
use crate::workspace::Workspace;

/// The targets, each a program in `fuzz/fuzz_targets`.
pub const TARGETS: [&str; 7] = ["flows", "batch", "query", "stored", "store", "pairs", "guest"];

/// How long a target runs, unless it is told.
pub const DEFAULT_SECONDS: u64 = 60;

/// What tells libFuzzer where the program has been; the same flags as those of `cargo fuzz`.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Builds the targets and runs those that are named, or all; `done` hears of each.
pub fn run(
    workspace: &Workspace,
    names: &[&str],
    seconds: u64,
    mut done: impl FnMut(bool),
) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| !TARGETS.contains(name)) {
        let targets = TARGETS.join(", ");
        return Err(Failure::new(format!(
            "there is no fuzz target {unknown}; there are {targets}"
        )));
    }
    let fuzz = workspace.root().join("fuzz");
    let target = workspace.root().join("target/fuzz");
    let programs = say::step("fuzz targets", || build(workspace, &fuzz, &target))?;
    let chosen = TARGETS.iter().filter(|name| names.is_empty() || names.contains(name));
    let mut outcome = Ok(());
    for name in chosen {
        let ran = say::step(&format!("fuzzing {name} for {seconds} s"), || {
            fuzz_one(&fuzz, &programs.join(name), name, seconds)
        });
        done(ran.is_ok());
        outcome = outcome.and(ran);
    }
    outcome
}

/// Gives the directory of the programs.
fn build(workspace: &Workspace, fuzz: &Path, target: &Path) -> Result<PathBuf> {
    let host = host(workspace)?;
    let mut build = workspace.cargo("build");
    build.current_dir(fuzz).env("CARGO_TARGET_DIR", target).env("RUSTFLAGS", COVERAGE);
    // With a target, the flags are not for build scripts, which have no fuzzer to link with.
    build.args(["--release", "--locked", "--bins", "--target", &host]);
    command::run(&mut build)?;
    Ok(target.join(host).join("release"))
}

fn host(workspace: &Workspace) -> Result<String> {
    let mut rustc = Command::new("rustc");
    let told = command::read(rustc.arg("-vV").current_dir(workspace.root()))?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure::new("rustc does not tell its host"))
}

fn fuzz_one(fuzz: &Path, program: &Path, name: &str, seconds: u64) -> Result<()> {
    let corpus = fuzz.join("corpus").join(name);
    let artifacts = fuzz.join("artifacts").join(name);
    for directory in [&corpus, &artifacts] {
        std::fs::create_dir_all(directory).doing(directory.display())?;
    }
    let mut run = Command::new(program);
    run.arg(&corpus).args(seeds(fuzz, name));
    run.arg(format!("-artifact_prefix={}/", artifacts.display()));
    run.arg(format!("-max_total_time={seconds}"));
    run.args(["-timeout=20", "-rss_limit_mb=4096", "-verbosity=0", "-print_final_stats=1"]);
    // A target that hangs is a finding too.
    command::run_within(&mut run, Duration::from_secs(seconds + 120)).map_err(|failure| {
        let directory = artifacts.display();
        Failure::new(format!("{failure}\nwhat made it fail is in {directory}"))
    })
}

/// Where a target may start from besides what it has found before.
fn seeds(fuzz: &Path, name: &str) -> Option<PathBuf> {
    let golden = fuzz.join("../flow-model/tests/golden");
    matches!(name, "flows" | "batch").then_some(golden)
}
