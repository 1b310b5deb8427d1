//! Functions that a particular proxy adds to the ABI. This one adds none.

use wasmtime::Linker;

use crate::{
    abi::Status,
    vm::{
        guest::{Guest, answer, read_text},
        state::VmState,
    },
};

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_call_foreign_function",
        |guest: Guest<'_>,
         name: u32,
         name_size: u32,
         _arguments: u32,
         _arguments_size: u32,
         _results: u32,
         _results_size: u32| {
            let name = read_text(&guest, name, name_size);
            answer(name.and(Err(Status::NotFound.into())))
        },
    )?;
    Ok(())
}
