//! What a guest does to a stream: resume it, end it, answer it itself. It is done once the callback
//! has returned, which is left to `host`.

use wasmtime::Linker;

use crate::{
    abi::{AbiVersion, Status, StreamType},
    pairs,
    properties::availability::StreamKind,
    stream::{Direction, Stream, half::Iteration},
    timeline::EventKind,
    vm::{
        guest::{CallResult, Guest, answer, read, read_pairs},
        state::{LocalResponse, StreamAction, VmState},
    },
};

/// The greatest status of gRPC; a greater one is none, as is the -1 of the SDKs.
const MAX_GRPC_STATUS: u32 = 16;

pub(super) fn link(linker: &mut Linker<VmState>, abi: AbiVersion) -> wasmtime::Result<()> {
    if abi >= AbiVersion::V0_2_0 {
        linker.func_wrap("env", "proxy_continue_stream", |mut guest: Guest<'_>, half: u32| {
            let half = StreamType::from_code(half).map_err(Into::into);
            answer(half.and_then(|half| resume(guest.data_mut(), half)))
        })?;
        linker.func_wrap("env", "proxy_close_stream", |mut guest: Guest<'_>, half: u32| {
            let half = StreamType::from_code(half).map_err(Into::into);
            answer(half.and_then(|half| close(guest.data_mut(), half)))
        })?;
    }
    linker.func_wrap(
        "env",
        "proxy_send_local_response",
        |mut guest: Guest<'_>,
         status: u32,
         details: u32,
         details_size: u32,
         body: u32,
         body_size: u32,
         headers: u32,
         headers_size: u32,
         grpc_status: u32| {
            let arguments = [(details, details_size), (body, body_size), (headers, headers_size)];
            answer(send_local_response(&mut guest, status, arguments, grpc_status))
        },
    )?;
    Ok(())
}

/// Whether the context is a stream of the kind that has such a half. On any other, Envoy does
/// nothing and says OK.
fn has_half(state: &mut VmState, half: StreamType) -> bool {
    let kind = match half {
        StreamType::Request | StreamType::Response => StreamKind::Http,
        StreamType::Downstream | StreamType::Upstream => StreamKind::Tcp,
    };
    state.own_stream().is_some_and(|stream| stream.kind == kind)
}

/// A half that is not held back has nothing to be resumed; its headers go on at once.
pub(super) fn resume(state: &mut VmState, half: StreamType) -> CallResult {
    let direction = match half {
        StreamType::Upstream => return Err(Status::Unimplemented.into()),
        StreamType::Request | StreamType::Downstream => Direction::FromDownstream,
        StreamType::Response => Direction::FromUpstream,
    };
    let early = |stream: &mut Stream| stream.response.headers.is_none();
    if half == StreamType::Response
        && has_half(state, half)
        && state.own_stream().is_some_and(early)
    {
        state.warn_of_crash("a response that has not come is resumed");
    }
    if has_half(state, half)
        && let Some(stream) = state.own_stream()
    {
        let is_held = stream.half(direction).iteration != Iteration::Continue;
        stream.half(direction).send_headers();
        // Envoy takes the request away here, whichever half of an HTTP stream is resumed.
        if half != StreamType::Downstream {
            stream.request.hide();
        }
        let stream_context = state.context();
        let is_known = state.outbox.stream_actions.iter().any(|(context, action)| {
            *context == stream_context && matches!(action, StreamAction::Resume(it) if *it == half)
        });
        // To say it again changes nothing, and fills no memory.
        if is_held && !is_known {
            act(state, format!("{} resumed", half.name()), StreamAction::Resume(half));
        }
    }
    Ok(())
}

fn close(state: &mut VmState, half: StreamType) -> CallResult {
    let is_closed = std::mem::replace(&mut state.stop_iteration, true);
    if !is_closed && has_half(state, half) {
        act(state, format!("{} closed by the plugin", half.name()), StreamAction::Close);
    }
    Ok(())
}

fn send_local_response(
    guest: &mut Guest<'_>,
    status: u32,
    [details, body, headers]: [(u32, u32); 3],
    grpc_status: u32,
) -> CallResult {
    read(guest, details.0, details.1)?;
    let body = read(guest, body.0, body.1)?;
    let headers = read(guest, headers.0, headers.1)?;
    let headers = read_pairs(guest, &headers);
    let state = guest.data_mut();
    // On a connection, Envoy takes no notice of it (measured).
    if has_half(state, StreamType::Request) {
        state.stop_iteration = true;
        if let Some(stream) = state.own_stream() {
            stream.share.add(pairs::serialized_len(&headers).saturating_add(body.len()));
        }
        let note = format!("answered {status} by the plugin, {} bytes", body.len());
        let headers =
            headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        let grpc_status = Some(grpc_status).filter(|status| *status <= MAX_GRPC_STATUS);
        act(state, note, StreamAction::Reply(LocalResponse { status, headers, body, grpc_status }));
    }
    Ok(())
}

fn act(state: &mut VmState, note: String, action: StreamAction) {
    let stream_context = state.context();
    state.record(EventKind::StreamAction { stream_context, action: note });
    state.outbox.stream_actions.push((stream_context, action));
}
