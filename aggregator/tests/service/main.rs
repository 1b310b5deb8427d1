//! Tests of the program `fas` from outside: over real HTTP, with real signals, on a real disk.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]

mod auth;
mod cli;
mod crash;
mod damage;
mod dashboard;
mod disk;
mod doctor;
mod documentation;
mod fas;
mod hostile;
mod http;
mod http2;
mod load;
mod overload;
mod process;
mod reads;
mod replay;
mod tls;
mod unit;
mod writes;
