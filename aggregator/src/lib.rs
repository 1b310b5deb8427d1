//! The aggregator: takes flow deltas over HTTP, applies each exactly once, and serves the
//! aggregates by hour.
//!
//! Dependencies run one way: `http -> {ingest, query} -> store -> flow-model`. The command line,
//! `cli`, is a client of the interface, and knows nothing of what is behind it.

pub mod auth;
pub mod cli;
mod clock;
pub mod commands;
pub mod config;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod ingest;
pub mod limits;
pub mod metrics;
mod query;
mod reload;
pub mod serve;
pub mod store;
pub mod text;
