//! gRPC calls, which this host does not make yet: they can be imported, and say so when called.

use wasmtime::Linker;

use crate::{
    abi::Status,
    vm::{
        guest::{CallResult, Guest, answer, give, write},
        state::VmState,
    },
};

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    let unimplemented = Status::Unimplemented.code();
    linker.func_wrap(
        "env",
        "proxy_grpc_call",
        move |_: u32,
              _: u32,
              _: u32,
              _: u32,
              _: u32,
              _: u32,
              _: u32,
              _: u32,
              _: u32,
              _: u32,
              _: u32,
              _: u32| unimplemented,
    )?;
    linker.func_wrap(
        "env",
        "proxy_grpc_stream",
        move |_: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32| unimplemented,
    )?;
    linker.func_wrap(
        "env",
        "proxy_grpc_send",
        move |_token: u32, _message: u32, _size: u32, _end: u32| unimplemented,
    )?;
    linker.func_wrap("env", "proxy_grpc_cancel", move |_token: u32| unimplemented)?;
    linker.func_wrap("env", "proxy_grpc_close", move |_token: u32| unimplemented)?;
    linker.func_wrap(
        "env",
        "proxy_get_status",
        |mut guest: Guest<'_>, code: u32, message: u32, size: u32| {
            answer(get_status(&mut guest, code, message, size))
        },
    )?;
    Ok(())
}

/// The status of the last gRPC call, of which there was none.
fn get_status(guest: &mut Guest<'_>, code: u32, message: u32, size: u32) -> CallResult {
    write(guest, code, &0_u32.to_le_bytes())?;
    give(guest, &[], message, size)
}
