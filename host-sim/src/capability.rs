//! The host functions, a file per capability. Each has the state behind it, if that is small, and
//! `link`, which offers its functions to the guest. None of them ever calls a callback.

mod buffers;
mod callouts;
mod clock;
mod contexts;
pub(crate) mod foreign;
pub(crate) mod grpc;
mod headers;
mod legacy;
mod log;
pub(crate) mod metrics;
mod properties;
pub(crate) mod queues;
pub(crate) mod shared_data;
mod streams;
pub(crate) mod wasi;

use wasmtime::Linker;

use crate::{abi::AbiVersion, vm::state::VmState};

/// Offers the host functions of this version of the ABI (cpp-host, `registerCallbacks`).
pub(crate) fn link(linker: &mut Linker<VmState>, abi: AbiVersion) -> wasmtime::Result<()> {
    buffers::link(linker)?;
    callouts::link(linker)?;
    clock::link(linker)?;
    contexts::link(linker)?;
    foreign::link(linker)?;
    grpc::link(linker)?;
    headers::link(linker)?;
    log::link(linker, abi)?;
    metrics::link(linker)?;
    properties::link(linker)?;
    queues::link(linker)?;
    shared_data::link(linker)?;
    streams::link(linker, abi)?;
    wasi::link(linker)?;
    if abi == AbiVersion::V0_1_0 {
        legacy::link(linker)?;
    }
    Ok(())
}
