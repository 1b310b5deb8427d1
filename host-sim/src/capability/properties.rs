//! Reading and writing properties. A path is a NUL-joined list of names.

use wasmtime::Linker;

use crate::{
    abi::Status,
    vm::{
        guest::{CallResult, Guest, answer, give, read},
        state::VmState,
    },
};

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_property",
        |mut guest: Guest<'_>, path: u32, path_size: u32, value: u32, value_size: u32| {
            answer(get_property(&mut guest, (path, path_size), (value, value_size)))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_property",
        |mut guest: Guest<'_>, path: u32, path_size: u32, value: u32, value_size: u32| {
            answer(set_property(&mut guest, (path, path_size), (value, value_size)))
        },
    )?;
    Ok(())
}

fn get_property(guest: &mut Guest<'_>, path: (u32, u32), value: (u32, u32)) -> CallResult {
    let path = read(guest, path.0, path.1)?;
    let bytes = lookup(guest.data(), &path)?;
    give(guest, &bytes, value.0, value.1)
}

/// What the guest itself has set, then the stream's properties, then those of the root.
fn lookup(state: &VmState, path: &[u8]) -> Result<Vec<u8>, Status> {
    let own = state.stream().and_then(|stream| stream.own.get(path));
    if let Some(value) = own {
        return Ok(value.clone());
    }
    let path = std::str::from_utf8(path).map_err(|_| Status::NotFound)?;
    // The SDKs end a path with a NUL or not; both name the same property.
    let names: Vec<&str> = path.strip_suffix('\0').unwrap_or(path).split('\0').collect();
    let of_stream = state.stream().and_then(|stream| stream.property(&names));
    let value = of_stream.or_else(|| state.base_properties.get(&names).cloned());
    value.ok_or(Status::NotFound)?.to_bytes()
}

/// Only a stream has a place to keep what a guest sets (Envoy: its filter state).
fn set_property(guest: &mut Guest<'_>, path: (u32, u32), value: (u32, u32)) -> CallResult {
    let path = read(guest, path.0, path.1)?;
    let value = read(guest, value.0, value.1)?;
    let effective = guest.data().effective;
    let stream = guest.data_mut().stream_mut(effective).ok_or(Status::NotFound)?;
    stream.own.insert(path, value);
    Ok(())
}
