//! Reading and writing properties. A path is a NUL-joined list of names.

use wasmtime::Linker;

use crate::{
    abi::Status,
    properties::PropertyValue,
    vm::{
        guest::{CallResult, Guest, answer, give, read},
        state::VmState,
    },
};

/// The groups of a stream's properties.
const GROUPS: [&[u8]; 8] = [
    b"connection",
    b"destination",
    b"filter_state",
    b"request",
    b"response",
    b"source",
    b"upstream",
    b"xds",
];

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

/// The stream's properties, then those of the root, then what the guest itself has set.
fn lookup(state: &VmState, path: &[u8]) -> Result<Vec<u8>, Status> {
    // The SDKs end a path with a NUL or not; both name the same property.
    let path = path.strip_suffix(b"\0").unwrap_or(path);
    if path.is_empty() {
        return Err(Status::SerializationFailure);
    }
    // Envoy shows what these have one by one, and none of them as a whole (measured).
    if state.stream().is_some() && GROUPS.contains(&path) {
        return Err(Status::SerializationFailure);
    }
    // What the guest has set under several names cannot be read back (measured).
    let own = || state.stream().and_then(|stream| stream.own.get(path).cloned());
    let own = || own().filter(|_| !path.contains(&0));
    let known = std::str::from_utf8(path).ok().and_then(|path| known(state, path));
    match known {
        Some(value) => value.to_bytes(),
        None => own().ok_or(Status::NotFound),
    }
}

fn known(state: &VmState, path: &str) -> Option<PropertyValue> {
    let names: Vec<&str> = path.split('\0').collect();
    let of_stream = state.stream().and_then(|stream| stream.property(&names));
    of_stream.or_else(|| state.root_settings()?.properties.get(&names).cloned())
}

/// Only a stream has a place to keep what a guest sets (Envoy: its filter state).
fn set_property(guest: &mut Guest<'_>, path: (u32, u32), value: (u32, u32)) -> CallResult {
    let path = read(guest, path.0, path.1)?;
    let value = read(guest, value.0, value.1)?;
    let stream = guest.data_mut().own_stream().ok_or(Status::NotFound)?;
    let path = path.strip_suffix(b"\0").map(<[u8]>::to_vec).unwrap_or(path);
    stream.share.add(path.len().saturating_add(value.len()));
    stream.own.insert(path, value);
    Ok(())
}
