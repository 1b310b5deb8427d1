//! The benches, each in a file of its own.

mod batch;
mod cluster;
mod idle;
mod memory;
mod overload;
mod plugin;
mod read;
mod restart;
mod rivals;
mod write;

use std::path::PathBuf;

use crate::failure::Result;
use crate::report::Report;

/// What a bench is given.
pub struct Setting {
    /// The program `fas`.
    pub fas: PathBuf,
    /// Whether to measure on a tenth, to see that all works.
    pub quick: bool,
}

impl Setting {
    /// A number of records, flows or batches.
    pub fn scale(&self, full: u64) -> u64 {
        if self.quick { full / 10 } else { full }
    }
}

/// A bench: its name, what it measures, and how it is run.
pub struct Bench {
    /// The word on the command line.
    pub name: &'static str,
    /// A line for the help.
    pub about: &'static str,
    /// Measures and reports.
    pub run: fn(&Setting, &mut Report) -> Result<()>,
}

/// All, in the order in which they are run.
pub const ALL: &[Bench] = &[
    Bench { name: "write", about: "POST /flows, 100 records a request", run: write::run },
    Bench { name: "batch", about: "POST /v1/batches of 1,000 instances", run: batch::run },
    Bench { name: "memory", about: "memory per flow at 10 million flows", run: memory::run },
    Bench { name: "restart", about: "start with 10 million flows", run: restart::run },
    Bench { name: "read", about: "reads of 1 million flows beside writes", run: read::run },
    Bench { name: "idle", about: "a fresh start that nobody uses", run: idle::run },
    Bench { name: "overload", about: "twice the capacity", run: overload::run },
    Bench { name: "plugin", about: "what the filter costs in Envoy", run: plugin::run },
    Bench { name: "cluster", about: "front ends on a Redis Cluster", run: cluster::run },
    Bench { name: "rivals", about: "the same records into Redis and PostgreSQL", run: rivals::run },
];
