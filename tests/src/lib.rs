//! The harness of the end-to-end tests and of the demo: real Envoy sidecars, a real aggregator,
//! small apps, and traffic of known sizes.
//!
//! It knows the filter only through Envoy's configuration, and the aggregator only through HTTP,
//! as an operator does. What goes wrong panics with a sentence about it: a test fails with it,
//! and the demo prints it. The programs' own output is shown then too.

pub mod access_log;
pub mod aftermath;
pub mod app;
pub mod bytes;
pub mod chunked;
pub mod client;
pub mod clock;
pub mod deadline;
pub mod fas;
pub mod front_end;
pub mod gate;
pub mod istio;
pub mod liar;
pub mod listeners;
pub mod mesh;
pub mod payload;
pub mod ports;
pub mod process;
pub mod programs;
pub mod redis_cluster;
pub mod relay;
pub mod sample;
pub mod security;
pub mod sidecar;
pub mod table;
pub mod totals;
pub mod trapping;

pub use bytes::Bytes;
pub use mesh::Mesh;
pub use totals::Totals;
