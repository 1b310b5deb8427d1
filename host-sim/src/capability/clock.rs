//! Time: what the virtual clock says, and how often the root ticks. The ticks themselves are
//! left to `host`.

use wasmtime::Linker;

use crate::vm::{
    guest::{CallResult, Guest, answer, write},
    state::VmState,
};

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_current_time_nanoseconds",
        |mut guest: Guest<'_>, time: u32| answer(current_time(&mut guest, time)),
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_tick_period_milliseconds",
        |mut guest: Guest<'_>, period_ms: u32| answer(set_tick_period(&mut guest, period_ms)),
    )?;
    Ok(())
}

fn current_time(guest: &mut Guest<'_>, time: u32) -> CallResult {
    let now_ns = guest.data().process.wall_ns();
    write(guest, time, &now_ns.to_le_bytes())
}

fn set_tick_period(guest: &mut Guest<'_>, period_ms: u32) -> CallResult {
    let state = guest.data_mut();
    let root = state.root();
    // Only the last one counts; a guest that sets it over and over fills no memory.
    state.outbox.tick_periods.retain(|(other, _)| *other != root);
    state.outbox.tick_periods.push((root, period_ms));
    Ok(())
}
