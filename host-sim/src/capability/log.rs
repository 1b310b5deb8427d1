//! The guest's log, which becomes part of the timeline.

use wasmtime::Linker;

use crate::{
    abi::{AbiVersion, LogLevel, Status},
    timeline::EventKind,
    vm::{
        guest::{CallResult, Guest, answer, read, write},
        state::VmState,
    },
};

pub(super) fn link(linker: &mut Linker<VmState>, abi: AbiVersion) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_log",
        |mut guest: Guest<'_>, level: u32, message: u32, size: u32| {
            answer(log(&mut guest, level, message, size))
        },
    )?;
    if abi >= AbiVersion::V0_2_1 {
        linker.func_wrap("env", "proxy_get_log_level", |mut guest: Guest<'_>, level: u32| {
            answer(log_level(&mut guest, level))
        })?;
    }
    Ok(())
}

fn log(guest: &mut Guest<'_>, level: u32, message: u32, size: u32) -> CallResult {
    let level = LogLevel::from_code(level).ok_or(Status::BadArgument)?;
    let message = String::from_utf8_lossy(&read(guest, message, size)?).into_owned();
    guest.data().record(EventKind::Log { level, message });
    Ok(())
}

/// The simulator shows everything; a guest that asks is told so.
fn log_level(guest: &mut Guest<'_>, level: u32) -> CallResult {
    write(guest, level, &LogLevel::Trace.code().to_le_bytes())
}
