//! The host from outside: guests written in WAT say what they see, and the tests read it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "clippy allows these in test functions, not in what they share"
)]

mod access_log;
mod broken;
mod callouts;
mod cli;
mod commands;
mod expectations;
mod failures;
mod faults;
mod foreign;
mod grpc;
mod guest;
mod guide;
mod hostile;
mod hostile_guest;
mod http;
mod http_server;
mod kept;
mod language;
mod library;
mod loading;
mod metrics;
mod plugins;
mod pointers;
mod properties;
mod scenarios;
mod schema;
mod shared;
mod shutdown;
mod start;
mod streams;
mod tcp;
mod thousands;
mod ticks;
mod versions;
mod wasi;
