//! Functions that a particular proxy adds to the ABI: those of Envoy that make sense without it,
//! and those that a test registers.

mod envoy;

pub(crate) use envoy::fields;

use std::{collections::BTreeMap, fmt, rc::Rc};

use wasmtime::Linker;

use crate::{
    abi::Status,
    timeline::Thread,
    timestamp::Timestamp,
    vm::{
        guest::{CallResult, Guest, allocate, answer, give, read, read_text, write},
        state::VmState,
    },
};

/// Who calls a foreign function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignCall {
    /// On which thread.
    pub thread: Thread,
    /// In which context.
    pub context: u32,
    /// When, in virtual time.
    pub now: Timestamp,
}

/// A function of a test: it takes the bytes that the guest gives, and gives bytes or a status.
pub type ForeignFunction = dyn Fn(ForeignCall, &[u8]) -> Result<Vec<u8>, Status>;

/// The functions that a test has registered, by name; they come before those of Envoy.
#[derive(Clone, Default)]
pub(crate) struct ForeignFunctions(pub(crate) BTreeMap<String, Rc<ForeignFunction>>);

impl fmt::Debug for ForeignFunctions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_call_foreign_function",
        |mut guest: Guest<'_>,
         name: u32,
         name_size: u32,
         arguments: u32,
         arguments_size: u32,
         results: u32,
         results_size: u32| {
            let (name, arguments) = ((name, name_size), (arguments, arguments_size));
            answer(call(&mut guest, name, arguments, (results, results_size)))
        },
    )?;
    Ok(())
}

fn call(
    guest: &mut Guest<'_>,
    name: (u32, u32),
    arguments: (u32, u32),
    results: (u32, u32),
) -> CallResult {
    let name = read_text(guest, name.0, name.1)?;
    let arguments = read(guest, arguments.0, arguments.1)?;
    let state = guest.data_mut();
    let registered = state.foreign.0.get(&name).cloned();
    let bytes = match registered {
        Some(function) => {
            let now = Timestamp(state.process.now_ns.get());
            let (thread, context) = (state.thread, state.context());
            function(ForeignCall { thread, context, now }, &arguments)?
        }
        None => envoy::call(state, &name, &arguments)?,
    };
    // A guest that does not want the results, or their size, gives no place for it.
    let size = u32::try_from(bytes.len()).map_err(|_| Status::InvalidMemoryAccess)?;
    match results {
        (0, 0) => Ok(()),
        (0, place) => write(guest, place, &size.to_le_bytes()),
        (place, 0) => {
            let pointer = allocate(guest, &bytes)?;
            write(guest, place, &pointer.to_le_bytes())
        }
        (place, place_of_size) => give(guest, &bytes, place, place_of_size),
    }
}
