//! The filter: counts the bytes of connections and requests in an Envoy sidecar, merges them by
//! hour and key, and delivers them to an aggregator.
//!
//! A pure core, which makes no host call and is tested natively, under a thin shell: [`filter`]
//! is what an instance keeps; `shell` brings it Envoy's callbacks and carries out what it asks
//! for.

pub mod backoff;
pub mod clock;
pub mod config;
pub mod filter;
pub mod identity;
pub mod instance;
pub mod limits;
pub mod notice;
pub mod observe;
pub mod push;
pub mod register;
pub mod slab;
pub mod table;

mod shell;
