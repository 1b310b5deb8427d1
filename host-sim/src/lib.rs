//! A proxy-wasm host without a proxy: it runs a plugin on wasmtime, under a virtual clock and with
//! injected faults, and behaves as Envoy 1.40 does. It knows the proxy-wasm ABI and nothing about
//! any plugin. Everything runs on the calling thread, so that a run replays exactly.
//!
//! # Features
//!
//! `cli`, on by default, is what the program `host-sim` needs, with `mesh`. A plugin's tests need
//! neither: `host-sim = { version = "0.1", default-features = false }`.
#![doc = include_str!("guide.md")]
#![warn(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod abi;
mod callouts;
mod capability;
mod grpc;
mod host;
pub mod limits;
#[cfg(feature = "mesh")]
pub mod mesh;
pub mod pairs;
mod process;
mod properties;
pub mod report;
pub mod runner;
pub mod scenario;
mod stream;
mod timeline;
mod timestamp;
mod vm;

pub use abi::{AbiVersion, LogLevel, Peer, Status};
pub use callouts::{
    CallRequest,
    cluster::{Backend, Cluster},
    fault::Fault,
    network::Network,
    record::{CalloutRecord, Outcome},
    reply::{CallResponse, Reply},
    template::{Template, TemplateError},
};
// What the program needs of the library besides, and nobody else.
#[cfg(feature = "cli")]
#[doc(hidden)]
pub use callouts::upstream::{UpstreamError, get as http_get};
pub use capability::{
    foreign::ForeignCall,
    metrics::{Metric, MetricKind},
};
pub use grpc::{GrpcEvent, GrpcReply, GrpcRequest, GrpcUpstream};
pub use host::{
    Host, HostError,
    access_log::LogEntry,
    builder::{FailurePolicy, HostBuilder, PluginSettings, RootError, StartError, StartFailure},
    deferred::DeferredCall,
    observed::LogLine,
    traffic::{Place, StreamId},
};
pub use pairs::{Pair, pairs};
pub use properties::{Properties, PropertyError, PropertyValue, availability::StreamKind};
pub use scenario::{Document, Scenario};
pub use stream::{
    Direction,
    exchange::{Exchange, Sent},
};
pub use timeline::{Event, EventKind, Thread};
pub use timestamp::{SECOND_NS, TimeError, Timestamp, parse_duration_ns};
pub use vm::{
    VmFailure,
    meter::{Cost, Costs},
    plugin::{Plugin, PluginError},
};
