//! The host functions, a file per capability. Each has the state behind it, if that is small, and
//! `link`, which offers its functions to the guest. None of them ever calls a callback.

mod buffers;
mod callouts;
mod clock;
mod contexts;
mod foreign;
mod grpc;
mod headers;
mod log;
pub(crate) mod metrics;
mod properties;
pub(crate) mod queues;
pub(crate) mod shared_data;
mod streams;

use wasmtime::Linker;

use crate::vm::state::VmState;

/// Offers every host function.
pub(crate) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    buffers::link(linker)?;
    callouts::link(linker)?;
    clock::link(linker)?;
    contexts::link(linker)?;
    foreign::link(linker)?;
    grpc::link(linker)?;
    headers::link(linker)?;
    log::link(linker)?;
    metrics::link(linker)?;
    properties::link(linker)?;
    queues::link(linker)?;
    shared_data::link(linker)?;
    streams::link(linker)
}
