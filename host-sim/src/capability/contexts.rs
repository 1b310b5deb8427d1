//! Which context the host functions mean, and the end of a root that had asked for time.

use wasmtime::Linker;

use crate::{
    abi::Status,
    vm::{
        guest::{CallResult, Guest, answer},
        state::VmState,
    },
};

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_set_effective_context", |mut guest: Guest<'_>, id: u32| {
        answer(set_effective_context(&mut guest, id))
    })?;
    linker.func_wrap("env", "proxy_done", |mut guest: Guest<'_>| answer(done(guest.data_mut())))?;
    Ok(())
}

fn set_effective_context(guest: &mut Guest<'_>, id: u32) -> CallResult {
    let state = guest.data_mut();
    // Context 0 is that of the VM itself, which has nothing (measured).
    if id != 0 && !state.contexts.contains_key(&id) {
        return Err(Status::BadArgument.into());
    }
    state.effective = id;
    Ok(())
}

/// Only a root that was asked to end, and wanted time, can be done (cpp-host, `WasmBase::done`).
fn done(state: &mut VmState) -> CallResult {
    let context = state.context();
    let pending = state.pending_done.iter().position(|root| *root == context);
    state.pending_done.swap_remove(pending.ok_or(Status::NotFound)?);
    state.outbox.done.push(context);
    Ok(())
}
