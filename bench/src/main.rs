//! `flow-bench`: measures `fas` from outside, by HTTP and `/proc`, against the goals that it has
//! and against what one would use instead. Started by `cargo xtask bench`.
//!
//! Owns the command line. The benches are in `bench`; nothing here knows how `fas` works inside.

mod aftermath;
mod bench;
mod dataset;
mod echo;
mod encode;
mod envoy;
mod failure;
mod fas;
mod fleet;
mod http;
mod latency;
mod load;
mod machine;
mod open_loop;
mod pace;
mod ports;
mod process;
mod random;
mod record;
mod redis_cluster;
mod report;
mod rival;
mod scratch;
mod tally;
mod usage;

use std::path::PathBuf;
use std::process::ExitCode;

use bench::{ALL, Bench, Setting};
use failure::{Failure, Result};
use machine::Machine;
use report::Report;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let quick = arguments.iter().any(|word| word == "--quick");
    let names: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|word| *word != "--quick").collect();
    let chosen = choose(&names)?;
    let fas = std::env::var_os("FAS_BIN").map(PathBuf::from);
    let fas = fas.ok_or_else(|| Failure::new("FAS_BIN must name the program fas"))?;
    let setting = Setting { fas, quick };
    let mut report = Report::default();
    for bench in chosen {
        report.begin(bench.name);
        (bench.run)(&setting, &mut report)?;
    }
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let command = format!("cargo xtask bench {}", words.join(" "));
    report.print(&Machine::this(), command.trim_end());
    Ok(())
}

/// The benches of these names, or all; in their own order.
fn choose(names: &[&str]) -> Result<Vec<&'static Bench>> {
    if let Some(name) = names.iter().find(|name| ALL.iter().all(|bench| bench.name != **name)) {
        let lines = ALL.iter().map(|bench| format!("\n  {:<10} {}", bench.name, bench.about));
        let list: String = lines.collect();
        return Err(Failure::new(format!("there is no bench `{name}`; there are{list}")));
    }
    Ok(ALL.iter().filter(|bench| names.is_empty() || names.contains(&bench.name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_choose_benches_and_no_name_chooses_all() {
        assert_eq!(choose(&[]).unwrap().len(), ALL.len());
        assert_eq!(choose(&["batch"]).unwrap()[0].name, "batch");
        assert!(choose(&["bench"]).is_err());
    }
}
