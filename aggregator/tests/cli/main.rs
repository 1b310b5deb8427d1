//! Tests of the commands of `fas` that are clients, against a small server that keeps flows as
//! the real one does. What the two must agree on is tested against the real one, in `service`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]

mod doctor;
mod fake;
mod generate;
mod import;
mod program;
mod reads;
mod tail;
mod tls;
