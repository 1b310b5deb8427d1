//! The aggregator: takes flow deltas over HTTP, applies each exactly once, and serves the
//! aggregates by hour.
//!
//! Dependencies run one way: `http -> {ingest, query} -> store -> flow-model`.

pub mod auth;
pub mod commands;
pub mod config;
mod http;
mod ingest;
pub mod limits;
pub mod metrics;
mod query;
mod reload;
pub mod serve;
pub mod store;
