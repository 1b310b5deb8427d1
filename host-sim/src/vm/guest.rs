//! The guest's memory, seen from a host function: reading arguments, writing results, and the
//! status that becomes of either. A bad pointer is the guest's mistake and gets a status; a guest
//! that fails inside its own allocator has failed.

use wasmtime::{Caller, Memory, Trap};

use crate::{
    abi::Status,
    limits::{HOST_BYTE_FUEL, HOST_CALL_FUEL},
    pairs::{self, Pair},
    timeline::EventKind,
    vm::state::VmState,
};

/// The guest that calls a host function.
pub(crate) type Guest<'a> = Caller<'a, VmState>;

/// Why a host function does not answer OK.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The guest gets this status.
    Status(Status),
    /// The guest itself failed.
    Failed(wasmtime::Error),
}

impl From<Status> for CallError {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

/// What a host function gives.
pub(crate) type CallResult<T = ()> = Result<T, CallError>;

/// The status number of a host function's result.
pub(crate) fn answer(result: CallResult) -> wasmtime::Result<u32> {
    match result {
        Ok(()) => Ok(Status::Ok.code()),
        Err(CallError::Status(status)) => Ok(status.code()),
        Err(CallError::Failed(error)) => Err(error),
    }
}

/// Takes the fuel for a host function that handles so many bytes; without it, the guest has run for
/// too long.
pub(crate) fn charge(guest: &mut Guest<'_>, bytes: usize) -> CallResult {
    take(guest, HOST_CALL_FUEL.saturating_add(HOST_BYTE_FUEL.saturating_mul(bytes as u64)))
}

/// Takes the fuel for looking through so many pairs, so that a guest with very many of them does
/// not keep the host busy for longer than its fuel says.
pub(crate) fn charge_search(guest: &mut Guest<'_>, pairs: usize) -> CallResult {
    take(guest, HOST_BYTE_FUEL.saturating_mul(pairs as u64))
}

fn take(guest: &mut Guest<'_>, cost: u64) -> CallResult {
    let left = guest.get_fuel().map_err(CallError::Failed)?;
    let left = left.checked_sub(cost).ok_or_else(|| CallError::Failed(Trap::OutOfFuel.into()))?;
    guest.set_fuel(left).map_err(CallError::Failed)
}

fn memory(guest: &Guest<'_>) -> CallResult<Memory> {
    Ok(guest.data().memory.ok_or(Status::InvalidMemoryAccess)?)
}

fn address(pointer: u32) -> CallResult<usize> {
    Ok(usize::try_from(pointer).map_err(|_| Status::InvalidMemoryAccess)?)
}

/// Reads `size` bytes of the guest.
pub(crate) fn read(guest: &mut Guest<'_>, pointer: u32, size: u32) -> CallResult<Vec<u8>> {
    let (start, size) = (address(pointer)?, address(size)?);
    let end = start.checked_add(size).ok_or(Status::InvalidMemoryAccess)?;
    let memory = memory(guest)?;
    if end > memory.data_size(&*guest) {
        return Err(Status::InvalidMemoryAccess.into());
    }
    charge(guest, size)?;
    let bytes = memory.data(&*guest).get(start..end);
    Ok(bytes.ok_or(Status::InvalidMemoryAccess)?.to_vec())
}

/// Reads text of the guest, such as a name; what is not UTF-8 is a bad argument.
pub(crate) fn read_text(guest: &mut Guest<'_>, pointer: u32, size: u32) -> CallResult<String> {
    let bytes = read(guest, pointer, size)?;
    Ok(String::from_utf8(bytes).map_err(|_| Status::BadArgument)?)
}

/// Reads serialised pairs. What is damaged counts as none, as in Envoy (measured); the timeline says
/// so, as the guest is not told.
pub(crate) fn read_pairs(guest: &Guest<'_>, bytes: &[u8]) -> Vec<Pair> {
    pairs::deserialize(bytes).unwrap_or_else(|error| {
        let text = format!("the plugin's pairs are damaged and count as none: {error}");
        guest.data().record(EventKind::Note { text });
        Vec::new()
    })
}

/// Writes bytes, such as a little-endian integer, to where the guest wants them.
pub(crate) fn write(guest: &mut Guest<'_>, pointer: u32, bytes: &[u8]) -> CallResult {
    charge(guest, 0)?;
    let result = memory(guest)?.write(&mut *guest, address(pointer)?, bytes);
    Ok(result.map_err(|_| Status::InvalidMemoryAccess)?)
}

/// Hands bytes over in memory that the guest's allocator gives; nothing is pointer 0, size 0.
pub(crate) fn give(
    guest: &mut Guest<'_>,
    bytes: &[u8],
    return_pointer: u32,
    return_size: u32,
) -> CallResult {
    let pointer = allocate(guest, bytes)?;
    let size = u32::try_from(bytes.len()).map_err(|_| Status::InvalidMemoryAccess)?;
    write(guest, return_pointer, &pointer.to_le_bytes())?;
    write(guest, return_size, &size.to_le_bytes())
}

/// Puts bytes into memory that the guest's allocator gives; nothing needs none, and is at 0.
pub(crate) fn allocate(guest: &mut Guest<'_>, bytes: &[u8]) -> CallResult<u32> {
    if bytes.is_empty() {
        return Ok(0);
    }
    let size = u32::try_from(bytes.len()).map_err(|_| Status::InvalidMemoryAccess)?;
    charge(guest, bytes.len())?;
    let allocate = guest.data().allocate.clone().ok_or(Status::InvalidMemoryAccess)?;
    let (calls, bytes_in_all) = &mut guest.data_mut().host_allocations;
    (*calls, *bytes_in_all) = (*calls + 1, *bytes_in_all + u64::from(size));
    let pointer = allocate.call(&mut *guest, size).map_err(CallError::Failed)?;
    if pointer == 0 {
        return Err(Status::InvalidMemoryAccess.into());
    }
    write(guest, pointer, bytes)?;
    Ok(pointer)
}
