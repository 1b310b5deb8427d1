//! Buffers: the data of streams, the body of a call's response, and the configurations.

use wasmtime::Linker;

use crate::{
    abi::{BufferKind, Status},
    properties::availability::StreamKind,
    stream::Direction,
    vm::{
        guest::{CallResult, Guest, answer, give, read, write},
        state::VmState,
    },
};

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_buffer_bytes",
        |mut guest: Guest<'_>, kind: u32, start: u32, size: u32, data: u32, data_size: u32| {
            answer(get_buffer(&mut guest, kind, (start, size), (data, data_size)))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_buffer_status",
        |mut guest: Guest<'_>, kind: u32, size: u32, flags: u32| {
            answer(get_buffer_status(&mut guest, kind, size, flags))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_buffer_bytes",
        |mut guest: Guest<'_>, kind: u32, start: u32, size: u32, data: u32, data_size: u32| {
            answer(set_buffer(&mut guest, kind, (start, size), (data, data_size)))
        },
    )?;
    Ok(())
}

fn get_buffer(
    guest: &mut Guest<'_>,
    kind: u32,
    (start, size): (u32, u32),
    (data, data_size): (u32, u32),
) -> CallResult {
    let kind = BufferKind::from_code(kind)?;
    // More than there is may be asked for (measured).
    let end = start.saturating_add(size);
    let buffer = content(guest.data(), kind).ok_or(Status::NotFound)?;
    let bytes = slice(buffer, start, end).to_vec();
    give(guest, &bytes, data, data_size)
}

/// The size of a buffer; there are no flags.
fn get_buffer_status(guest: &mut Guest<'_>, kind: u32, size: u32, flags: u32) -> CallResult {
    let kind = BufferKind::from_code(kind)?;
    let bytes = content(guest.data(), kind).ok_or(Status::NotFound)?.len();
    let bytes = u32::try_from(bytes).map_err(|_| Status::InternalFailure)?;
    write(guest, size, &bytes.to_le_bytes())?;
    write(guest, flags, &0_u32.to_le_bytes())
}

/// The part of `buffer` between the two, which may both lie beyond its end.
fn slice(buffer: &[u8], start: u32, end: u32) -> &[u8] {
    let clamp = |at: u32| usize::try_from(at).map_or(buffer.len(), |at| at.min(buffer.len()));
    buffer.get(clamp(start)..clamp(end)).unwrap_or_default()
}

/// What is in a buffer. Those of streams are always there, if only empty, as in Envoy.
fn content(state: &VmState, kind: BufferKind) -> Option<&[u8]> {
    match kind {
        BufferKind::VmConfiguration => Some(&state.vm_configuration),
        BufferKind::PluginConfiguration => state.plugin_configuration.as_deref(),
        // A reset has no response, not an empty one.
        BufferKind::CallResponseBody => {
            let response = state.call_response.as_ref()?;
            (!response.headers.is_empty()).then_some(response.body.as_slice())
        }
        BufferKind::GrpcMessage => Some(state.grpc.message.as_deref().unwrap_or_default()),
        BufferKind::CallData => Some(&state.call_data),
        BufferKind::RequestBody
        | BufferKind::ResponseBody
        | BufferKind::Downstream
        | BufferKind::Upstream => Some(stream_data(state, kind).unwrap_or_default()),
    }
}

/// Which half of which kind of stream a buffer is.
fn stream_half(kind: BufferKind) -> Option<(StreamKind, Direction)> {
    match kind {
        BufferKind::RequestBody => Some((StreamKind::Http, Direction::FromDownstream)),
        BufferKind::ResponseBody => Some((StreamKind::Http, Direction::FromUpstream)),
        BufferKind::Downstream => Some((StreamKind::Tcp, Direction::FromDownstream)),
        BufferKind::Upstream => Some((StreamKind::Tcp, Direction::FromUpstream)),
        _ => None,
    }
}

fn stream_data(state: &VmState, kind: BufferKind) -> Option<&[u8]> {
    let (kind, direction) = stream_half(kind)?;
    let stream = state.stream().filter(|stream| stream.kind == kind)?;
    match direction {
        Direction::FromDownstream => stream.request.body(),
        Direction::FromUpstream => stream.response.body(),
    }
}

/// Only the data of a stream can be changed, while the guest sees it.
fn set_buffer(
    guest: &mut Guest<'_>,
    kind: u32,
    (start, size): (u32, u32),
    (data, data_size): (u32, u32),
) -> CallResult {
    let kind = BufferKind::from_code(kind)?;
    content(guest.data(), kind).ok_or(Status::NotFound)?;
    let data = read(guest, data, data_size)?;
    let (kind, direction) = stream_half(kind).ok_or(Status::BadArgument)?;
    let stream = guest.data_mut().own_stream().filter(|stream| stream.kind == kind);
    let stream = stream.ok_or(Status::BadArgument)?;
    stream.share.add(data.len());
    let buffer = stream.half(direction).body_mut();
    Ok(change(buffer.ok_or(Status::BadArgument)?, start, size, &data)?)
}

/// Envoy replaces what a buffer begins with, or appends to its end, and nothing between (measured).
fn change(buffer: &mut Vec<u8>, start: u32, size: u32, data: &[u8]) -> Result<(), Status> {
    let reaches_end = |at: u32| usize::try_from(at).is_ok_and(|at| at >= buffer.len());
    match (start, size) {
        (0, size) => {
            let end = usize::try_from(size).map_or(buffer.len(), |end| end.min(buffer.len()));
            drop(buffer.splice(..end, data.iter().copied()));
        }
        (start, _) if reaches_end(start) => buffer.extend_from_slice(data),
        _ => return Err(Status::BadArgument),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_never_leaves_the_buffer() {
        assert_eq!(slice(b"abcd", 1, 3), b"bc");
        assert_eq!(slice(b"abcd", 2, u32::MAX), b"cd");
        assert_eq!(slice(b"abcd", 4, 9), b"");
        assert_eq!(slice(b"abcd", 5, 9), b"");
    }

    #[test]
    fn a_buffer_changes_as_in_envoy() {
        let changed = |start, size| {
            let mut buffer = b"abc".to_vec();
            change(&mut buffer, start, size, b"X").map(|()| String::from_utf8(buffer).unwrap())
        };
        assert_eq!(changed(0, 0).unwrap(), "Xabc");
        assert_eq!(changed(0, 3).unwrap(), "X");
        assert_eq!(changed(3, 0).unwrap(), "abcX");
        assert_eq!(changed(0, 2).unwrap(), "Xc");
        assert_eq!(changed(0, 9).unwrap(), "X");
        assert_eq!(changed(9, 9).unwrap(), "abcX");
        assert_eq!(changed(1, 1), Err(Status::BadArgument));
    }
}
