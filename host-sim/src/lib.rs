//! A proxy-wasm host without a proxy: it runs a plugin on wasmtime, under a virtual clock and with
//! injected faults, and behaves as Envoy 1.40 does. It knows the proxy-wasm ABI and nothing about
//! any plugin.
//!
//! [`Plugin::load`] compiles a module, [`Host::builder`] starts it on a main thread and workers,
//! and the host's methods send traffic through it and move its clock. [`Scenario`] does the same
//! from a file. Everything runs on the calling thread, so that a run replays exactly.

mod abi;
mod callouts;
mod capability;
mod grpc;
mod host;
pub mod limits;
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
    upstream::{UpstreamError, get as http_get},
};
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
    traffic::{Place, StreamId},
};
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
