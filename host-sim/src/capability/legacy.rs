//! What only ABI 0.1.0 has: the configuration by a function of its own, and streams that are
//! resumed by name.

use wasmtime::Linker;

use crate::{
    abi::StreamType,
    vm::{
        guest::{CallResult, Guest, answer, give},
        state::VmState,
    },
};

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_configuration",
        |mut guest: Guest<'_>, data: u32, size: u32| {
            answer(get_configuration(&mut guest, data, size))
        },
    )?;
    linker.func_wrap("env", "proxy_continue_request", |mut guest: Guest<'_>| {
        answer(super::streams::resume(guest.data_mut(), StreamType::Request))
    })?;
    linker.func_wrap("env", "proxy_continue_response", |mut guest: Guest<'_>| {
        answer(super::streams::resume(guest.data_mut(), StreamType::Response))
    })?;
    // There are no routes here, so nothing is remembered of them.
    linker.func_wrap("env", "proxy_clear_route_cache", |_: Guest<'_>| answer(Ok(())))?;
    Ok(())
}

/// The plugin's configuration in `on_configure`, at any other time that of the VM.
fn get_configuration(guest: &mut Guest<'_>, data: u32, size: u32) -> CallResult {
    let state = guest.data();
    let configuration = state.plugin_configuration.as_ref().unwrap_or(&state.vm_configuration);
    let bytes = configuration.to_vec();
    give(guest, &bytes, data, size)
}
