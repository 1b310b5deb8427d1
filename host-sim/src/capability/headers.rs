//! Header maps: those of an HTTP stream, and those of a call's response. Names are compared
//! without regard to case and kept in lower case, as Envoy keeps them.

use wasmtime::Linker;

use crate::{
    abi::{AbiVersion, MapKind, Status},
    pairs::{self, Pair},
    vm::{
        guest::{CallResult, Guest, answer, charge_search, give, read, read_pairs, write},
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

/// The map, if the guest can see it now.
fn map(state: &VmState, kind: MapKind) -> Option<&[Pair]> {
    // A reset has no response, not an empty one.
    let response = || state.call_response.as_ref().filter(|answer| !answer.headers.is_empty());
    let stream = || state.stream();
    match kind {
        MapKind::RequestHeaders => {
            let stream = stream()?;
            stream.request.readable_headers(stream.logging).map(Vec::as_slice)
        }
        MapKind::ResponseHeaders => {
            let stream = stream()?;
            stream.response.readable_headers(stream.logging).map(Vec::as_slice)
        }
        // A log shows the trailers of the response, and not those of the request.
        MapKind::RequestTrailers => stream()?.request.readable_trailers(false).map(Vec::as_slice),
        MapKind::ResponseTrailers => {
            let stream = stream()?;
            stream.response.readable_trailers(stream.logging).map(Vec::as_slice)
        }
        MapKind::GrpcInitialMetadata => state.grpc.initial_metadata.as_deref(),
        MapKind::GrpcTrailingMetadata => state.grpc.trailing_metadata.as_deref(),
        MapKind::CallResponseHeaders => response().map(|response| response.headers.as_slice()),
        MapKind::CallResponseTrailers => response().map(|response| response.trailers.as_slice()),
    }
}

/// The map, if the guest can change it; if not, it is a bad argument, as in Envoy.
fn map_mut(state: &mut VmState, kind: u32) -> Result<&mut Vec<Pair>, Status> {
    let kind = MapKind::from_code(kind)?;
    let stream = state.own_stream().ok_or(Status::BadArgument)?;
    let found = match kind {
        MapKind::RequestHeaders => stream.request.headers_mut(),
        MapKind::RequestTrailers => stream.request.trailers_mut(),
        MapKind::ResponseHeaders => stream.response.headers_mut(),
        MapKind::ResponseTrailers => stream.response.trailers_mut(),
        _ => None,
    };
    found.ok_or(Status::BadArgument)
}

/// Takes the fuel for looking through a map.
fn charge_for(guest: &mut Guest<'_>, kind: u32) -> CallResult {
    let kind = MapKind::from_code(kind)?;
    let pairs = map(guest.data(), kind).map_or(0, <[Pair]>::len);
    charge_search(guest, pairs)
}

/// The bytes of the names and values, which Envoy only tells of maps that can be changed.
fn get_size(guest: &mut Guest<'_>, kind: u32, size: u32) -> CallResult {
    charge_for(guest, kind)?;
    let pairs = map_mut(guest.data_mut(), kind)?;
    let bytes: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
    let bytes = u32::try_from(bytes).map_err(|_| Status::InternalFailure)?;
    write(guest, size, &bytes.to_le_bytes())
}

/// A map that is not there is an empty one, as in Envoy.
fn get_pairs(guest: &mut Guest<'_>, kind: u32, data: u32, size: u32) -> CallResult {
    charge_for(guest, kind)?;
    let pairs = map(guest.data(), MapKind::from_code(kind)?).unwrap_or_default();
    if pairs.is_empty() {
        return give(guest, &[], data, size);
    }
    let bytes = pairs::serialize(pairs).map_err(|_| Status::SerializationFailure)?;
    give(guest, &bytes, data, size)
}

fn set_pairs(guest: &mut Guest<'_>, kind: u32, data: u32, size: u32) -> CallResult {
    let bytes = read(guest, data, size)?;
    let pairs = read_pairs(guest, &bytes);
    count(guest.data_mut(), bytes.len());
    *map_mut(guest.data_mut(), kind)? =
        pairs.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    Ok(())
}

fn get_value(guest: &mut Guest<'_>, kind: u32, name: (u32, u32), value: (u32, u32)) -> CallResult {
    charge_for(guest, kind)?;
    let kind = MapKind::from_code(kind)?;
    let name = read(guest, name.0, name.1)?;
    let state = guest.data();
    let found = find(state, kind, &name);
    let bytes = match (found, state.abi) {
        (Ok(bytes), _) => bytes,
        // To 0.1.0, what is not there is empty.
        (Err(Status::NotFound), AbiVersion::V0_1_0) => Vec::new(),
        (Err(status), _) => return Err(status.into()),
    };
    give(guest, &bytes, value.0, value.1)
}

/// The first value of this name. A map that is not there is a bad argument; in a log it is only
/// one that has nothing.
fn find(state: &VmState, kind: MapKind, name: &[u8]) -> Result<Vec<u8>, Status> {
    let logging = state.stream().is_some_and(|stream| stream.logging);
    let absent = if logging { Status::NotFound } else { Status::BadArgument };
    let pairs = map(state, kind).ok_or(absent)?;
    let name = kept_name(kind, name);
    let found = pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.clone()).ok_or(Status::NotFound)
}

/// Under which name a map keeps a header: a request's `host` is its `:authority`, as in Envoy.
fn kept_name(kind: MapKind, name: &[u8]) -> &[u8] {
    match kind {
        MapKind::RequestHeaders if name.eq_ignore_ascii_case(b"host") => b":authority",
        _ => name,
    }
}

/// Counts what the guest adds to a stream.
fn count(state: &mut VmState, bytes: usize) {
    if let Some(stream) = state.own_stream() {
        stream.share.add(bytes);
    }
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
    charge_for(guest, kind)?;
    let name = MapKind::from_code(kind).map(|kind| kept_name(kind, &name).to_vec())?;
    if let Some(value) = &value {
        count(guest.data_mut(), name.len().saturating_add(value.len()));
    }
    let pairs = map_mut(guest.data_mut(), kind)?;
    if replace {
        pairs.retain(|(key, _)| !key.eq_ignore_ascii_case(&name));
    }
    pairs.extend(value.map(|value| (name, value)));
    Ok(())
}
