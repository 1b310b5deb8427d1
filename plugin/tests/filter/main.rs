//! Tests of the filter's core from outside: configuration, identity and counting, and delivery
//! against a fake aggregator. No host is needed: time and attributes are given.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy.toml allows these in tests, but does not see that helpers are tests, too"
)]

mod access_log;
mod aggregator;
mod attributes;
mod config;
mod counting;
mod delivery;
mod ending;
mod presets;
mod register;
mod schema;
mod sidecar;
mod weather;
