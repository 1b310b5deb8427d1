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
    linker.func_wrap("env", "proxy_done", |mut guest: Guest<'_>| answer(done(&mut guest)))?;
    Ok(())
}

fn set_effective_context(guest: &mut Guest<'_>, id: u32) -> CallResult {
    let state = guest.data_mut();
    if !state.contexts.contains_key(&id) {
        return Err(Status::BadArgument.into());
    }
    state.effective = id;
    Ok(())
}

fn done(guest: &mut Guest<'_>) -> CallResult {
    guest.data_mut().outbox.done = true;
    Ok(())
}
