//! The Redis server of which the tests make clusters: Debian has it.

use std::path::PathBuf;
use std::process::Command;

use crate::command;
use crate::debian;
use crate::failure::{Failure, Result};
use crate::say;

/// The first version whose clusters the aggregator can use: it has what scripts and followers need.
const OLDEST: u32 = 7;

/// Finds a server, or installs it.
pub fn set_up() -> Result<PathBuf> {
    let named = std::env::var_os("FLOW_REDIS_SERVER");
    let server = PathBuf::from(named.unwrap_or_else(|| "redis-server".into()));
    say::step("Redis", || {
        if version(&server).is_err() {
            debian::install(&["redis-server"]).map_err(|failure| explain(&failure))?;
        }
        match version(&server) {
            Ok(found) if found >= OLDEST => Ok(server.clone()),
            Ok(found) => {
                Err(explain(&Failure::new(format!("{} is version {found}", server.display()))))
            }
            Err(failure) => Err(explain(&failure)),
        }
    })
}

/// The major version, from `Redis server v=7.0.15 sha=...` or `Valkey server v=9.1.2 ...`.
fn version(server: &PathBuf) -> Result<u32> {
    let told = command::read(Command::new(server).arg("--version"))?;
    let number = told.split(" v=").nth(1).and_then(|rest| rest.split('.').next()?.parse().ok());
    number.ok_or_else(|| Failure::new(format!("{} says `{told}`", server.display())))
}

fn explain(failure: &Failure) -> Failure {
    Failure::new(format!(
        "the tests need a redis-server of version {OLDEST} or later: {failure}\n\
         Install it, or set FLOW_REDIS_SERVER to a server of Redis or Valkey."
    ))
}
