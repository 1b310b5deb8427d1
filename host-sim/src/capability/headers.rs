//! Header maps: those of an HTTP stream, and those of a call's response. Names are compared
//! without regard to case and kept in lower case, as Envoy keeps them.

use wasmtime::Linker;

use crate::{
    abi::{MapKind, Status},
    pairs::{self, Pair},
    vm::{
        guest::{CallResult, Guest, answer, give, read, write},
        state::VmState,
    },
};

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_header_map_size",
        |mut guest: Guest<'_>, kind: u32, size: u32| answer(get_size(&mut guest, kind, size)),
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_header_map_pairs",
        |mut guest: Guest<'_>, kind: u32, data: u32, size: u32| {
            answer(get_pairs(&mut guest, kind, data, size))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_header_map_pairs",
        |mut guest: Guest<'_>, kind: u32, data: u32, size: u32| {
            answer(set_pairs(&mut guest, kind, data, size))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_header_map_value",
        |mut guest: Guest<'_>, kind: u32, name: u32, name_size: u32, value: u32, size: u32| {
            answer(get_value(&mut guest, kind, (name, name_size), (value, size)))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_remove_header_map_value",
        |mut guest: Guest<'_>, kind: u32, name: u32, name_size: u32| {
            answer(put_value(&mut guest, kind, (name, name_size), None, true))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_replace_header_map_value",
        |mut guest: Guest<'_>, kind: u32, name: u32, name_size: u32, value: u32, size: u32| {
            answer(put_value(&mut guest, kind, (name, name_size), Some((value, size)), true))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_add_header_map_value",
        |mut guest: Guest<'_>, kind: u32, name: u32, name_size: u32, value: u32, size: u32| {
            answer(put_value(&mut guest, kind, (name, name_size), Some((value, size)), false))
        },
    )?;
    Ok(())
}

/// The map, if it has arrived; a map that is not there is a bad argument, as in Envoy.
fn map(state: &VmState, kind: u32) -> Result<&[Pair], Status> {
    let kind = MapKind::from_code(kind)?;
    if matches!(kind, MapKind::CallResponseHeaders | MapKind::CallResponseTrailers) {
        let response = state.call_response.as_ref().filter(|answer| !answer.headers.is_empty());
        let response = response.ok_or(Status::BadArgument)?;
        // Calls have no trailers here; Envoy then shows an empty map.
        let headers = kind == MapKind::CallResponseHeaders;
        return Ok(if headers { &response.headers } else { &[] });
    }
    let stream = state.stream().ok_or(Status::BadArgument)?;
    let found = match kind {
        MapKind::RequestHeaders => &stream.request.headers,
        MapKind::RequestTrailers => &stream.request.trailers,
        MapKind::ResponseHeaders => &stream.response.headers,
        _ => &stream.response.trailers,
    };
    found.as_deref().ok_or(Status::BadArgument)
}

fn map_mut(state: &mut VmState, kind: u32) -> Result<&mut Vec<Pair>, Status> {
    let effective = state.effective;
    let stream = state.stream_mut(effective).ok_or(Status::BadArgument)?;
    let found = match MapKind::from_code(kind)? {
        MapKind::RequestHeaders => &mut stream.request.headers,
        MapKind::RequestTrailers => &mut stream.request.trailers,
        MapKind::ResponseHeaders => &mut stream.response.headers,
        MapKind::ResponseTrailers => &mut stream.response.trailers,
        _ => return Err(Status::BadArgument),
    };
    found.as_mut().ok_or(Status::BadArgument)
}

fn get_size(guest: &mut Guest<'_>, kind: u32, size: u32) -> CallResult {
    let bytes = pairs::serialized_len(map(guest.data(), kind)?);
    let bytes = u32::try_from(bytes).map_err(|_| Status::InternalFailure)?;
    write(guest, size, &bytes.to_le_bytes())
}

fn get_pairs(guest: &mut Guest<'_>, kind: u32, data: u32, size: u32) -> CallResult {
    let pairs = map(guest.data(), kind)?;
    if pairs.is_empty() {
        return give(guest, &[], data, size);
    }
    let bytes = pairs::serialize(pairs).map_err(|_| Status::SerializationFailure)?;
    give(guest, &bytes, data, size)
}

fn set_pairs(guest: &mut Guest<'_>, kind: u32, data: u32, size: u32) -> CallResult {
    let bytes = read(guest, data, size)?;
    let pairs = pairs::deserialize(&bytes).map_err(|_| Status::ParseFailure)?;
    *map_mut(guest.data_mut(), kind)? =
        pairs.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    Ok(())
}

fn get_value(guest: &mut Guest<'_>, kind: u32, name: (u32, u32), value: (u32, u32)) -> CallResult {
    let name = read(guest, name.0, name.1)?;
    let pairs = map(guest.data(), kind)?;
    let found = pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(&name));
    let bytes = found.map(|(_, value)| value.clone()).ok_or(Status::NotFound)?;
    give(guest, &bytes, value.0, value.1)
}

/// Removes what has this name if `replace`, then adds the value if there is one.
fn put_value(
    guest: &mut Guest<'_>,
    kind: u32,
    name: (u32, u32),
    value: Option<(u32, u32)>,
    replace: bool,
) -> CallResult {
    let name = read(guest, name.0, name.1)?.to_ascii_lowercase();
    let value = value.map(|(data, size)| read(guest, data, size)).transpose()?;
    let pairs = map_mut(guest.data_mut(), kind)?;
    if replace {
        pairs.retain(|(key, _)| !key.eq_ignore_ascii_case(&name));
    }
    pairs.extend(value.map(|value| (name, value)));
    Ok(())
}
