//! An HTTP stream and its guest: headers, data and trailers in both directions, holding back and
//! going on, and answers that the guest gives itself. It follows Envoy's filter manager, with this
//! one plugin in the chain.

use super::{Vm, VmFailure};
use crate::{
    pairs::Pair,
    properties::availability::Phase,
    stream::{
        Direction, Stream,
        half::{DataStatus, Half, Iteration},
    },
    vm::{callback::Callback, state::LocalResponse},
};

type Step = Result<(), VmFailure>;

/// The only answer of a callback that lets headers and trailers go on.
const CONTINUE: u32 = 0;

/// Changes a stream, if it is there.
pub(super) fn with<T: Default>(
    vm: &mut Vm,
    context: u32,
    change: impl FnOnce(&mut Stream) -> T,
) -> T {
    vm.state().stream_mut(context).map(change).unwrap_or_default()
}

fn half<T: Default>(
    vm: &mut Vm,
    context: u32,
    direction: Direction,
    change: impl FnOnce(&mut Half) -> T,
) -> T {
    with(vm, context, |stream| change(stream.half(direction)))
}

/// The headers arrive. Whatever a guest answers but "go on" holds all of the half back: Envoy makes
/// that of `StopIteration`, too.
pub(super) fn headers(
    vm: &mut Vm,
    context: u32,
    direction: Direction,
    (headers, end): (Vec<Pair>, bool),
) -> Step {
    let count = with(vm, context, |stream| {
        if direction == Direction::FromUpstream {
            stream.phase = Phase::Live;
            stream.response_code = code(&headers);
        }
        stream.half(direction).receive_headers(headers, end)
    });
    let callback = match direction {
        Direction::FromDownstream => Callback::RequestHeaders,
        Direction::FromUpstream => Callback::ResponseHeaders,
    };
    let arguments = [context, length(count), u32::from(end)];
    let answer = vm.call(callback, context, &arguments)?.unwrap_or(CONTINUE);
    let goes_on = answer == CONTINUE && !vm.state().stop_iteration;
    half(vm, context, direction, |half| {
        if goes_on {
            half.send_headers();
            half.hide_headers();
            half.settle_end();
        } else {
            half.iteration = Iteration::StopAll;
        }
    });
    Ok(())
}

fn code(headers: &[Pair]) -> Option<i64> {
    let (_, value) = headers.iter().find(|(name, _)| name == b":status")?;
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Data arrives.
pub(super) fn data(
    vm: &mut Vm,
    context: u32,
    direction: Direction,
    (data, end): (Vec<u8>, bool),
) -> Step {
    match half(vm, context, direction, |half| half.receive(data, end)) {
        Some(size) => show_data(vm, context, direction, (size, end)),
        None => Ok(()),
    }
}

/// Shows data to the guest; then what it adds as trailers moves on too.
fn show_data(vm: &mut Vm, context: u32, direction: Direction, (size, end): (usize, bool)) -> Step {
    let callback = match direction {
        Direction::FromDownstream => Callback::RequestBody,
        Direction::FromUpstream => Callback::ResponseBody,
    };
    let answer = vm.call(callback, context, &[context, length(size), u32::from(end)])?;
    let stopped = vm.state().stop_iteration;
    let status = DataStatus::from_code(answer.unwrap_or(CONTINUE));
    half(vm, context, direction, |half| {
        half.settle_data(if stopped { DataStatus::NoBuffer } else { status });
        if end && half.has_trailers() && half.iteration == Iteration::Continue {
            half.send_trailers();
        }
    });
    Ok(())
}

/// The trailers arrive, and with them the end.
pub(super) fn trailers(
    vm: &mut Vm,
    context: u32,
    direction: Direction,
    trailers: Vec<Pair>,
) -> Step {
    let waits = half(vm, context, direction, |half| {
        half.receive_trailers(trailers);
        half.iteration == Iteration::StopAll
    });
    if waits { Ok(()) } else { show_trailers(vm, context, direction) }
}

fn show_trailers(vm: &mut Vm, context: u32, direction: Direction) -> Step {
    let count = half(vm, context, direction, Half::show_trailers);
    let callback = match direction {
        Direction::FromDownstream => Callback::RequestTrailers,
        Direction::FromUpstream => Callback::ResponseTrailers,
    };
    let answer = vm.call(callback, context, &[context, length(count)])?.unwrap_or(CONTINUE);
    let goes_on = answer == CONTINUE && !vm.state().stop_iteration;
    half(vm, context, direction, |half| {
        if goes_on {
            half.release();
            half.send_trailers();
        } else {
            half.iteration = Iteration::StopOne;
        }
    });
    Ok(())
}

/// The guest lets a half go on. What waited because of the headers still has to pass the guest;
/// what the guest has seen goes to the next in the chain.
pub(super) fn resume(vm: &mut Vm, context: u32, direction: Direction) -> Step {
    // A request that the plugin has answered goes no further.
    if direction == Direction::FromDownstream && with(vm, context, |stream| stream.replied) {
        return Ok(());
    }
    let waited = half(vm, context, direction, |half| {
        let stopped = half.iteration;
        match stopped {
            Iteration::Continue => {}
            Iteration::StopAll => {
                half.iteration = Iteration::Continue;
                half.send_headers();
                half.hide_headers();
            }
            Iteration::StopOne => {
                half.release();
                if half.has_trailers() {
                    half.send_trailers();
                }
            }
        }
        stopped == Iteration::StopAll
    });
    if !waited {
        return Ok(());
    }
    let (held, ended, has_trailers) = half(vm, context, direction, |half| {
        let held = half.take_held();
        half.settle_end();
        (held, half.ended, half.has_trailers())
    });
    if let Some(held) = held {
        let size = half(vm, context, direction, |half| half.show(held));
        show_data(vm, context, direction, (size, ended && !has_trailers))?;
    }
    if has_trailers { show_trailers(vm, context, direction) } else { Ok(()) }
}

/// The guest answers in place of the server. Gives whether the stream is over at once.
///
/// Before a response has come, the answer passes the guest as a response would. If the headers of
/// one are with the guest, the answer goes past it to the client. If they have left, there is
/// nothing but to reset the stream, which is an error here.
pub(super) fn reply(
    vm: &mut Vm,
    context: u32,
    response: LocalResponse,
) -> Result<Replied, VmFailure> {
    if with(vm, context, |stream| stream.replied) {
        // It has answered before.
        return Ok(state_of_reply(vm, context));
    }
    let (came, left, is_grpc) = with(vm, context, |stream| {
        stream.replied = true;
        let response = &stream.response;
        (response.headers.is_some(), response.headers_sent, is_grpc(stream))
    });
    if left {
        return Ok(Replied::Reset);
    }
    let (head, body) = answer(response, is_grpc);
    if came {
        with(vm, context, |stream| {
            stream.response_code = code(&head);
            stream.response.replace(head, body);
        });
        return Ok(Replied::Complete);
    }
    let direction = Direction::FromUpstream;
    let is_empty = body.is_empty();
    headers(vm, context, direction, (head, is_empty))?;
    if !is_empty {
        data(vm, context, direction, (body, true))?;
    }
    Ok(state_of_reply(vm, context))
}

/// How far the answer of the guest has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replied {
    /// The client has it.
    Complete,
    /// The guest holds it back.
    Held,
    /// It came too late; the stream is reset.
    Reset,
}

/// Whether what the guest has answered has reached the client by now.
pub(super) fn state_of_reply(vm: &mut Vm, context: u32) -> Replied {
    match with(vm, context, |stream| stream.replied && stream.response.is_complete()) {
        true => Replied::Complete,
        false => Replied::Held,
    }
}

fn is_grpc(stream: &Stream) -> bool {
    let content_type = stream.request.header("content-type", true);
    content_type
        .is_some_and(|kind| kind == b"application/grpc" || kind.starts_with(b"application/grpc+"))
}

/// The headers and the body that Envoy makes of an answer. To a gRPC request it is all headers.
fn answer(response: LocalResponse, is_grpc: bool) -> (Vec<Pair>, Vec<u8>) {
    let LocalResponse { status, headers, body, grpc_status } = response;
    let pair = |name: &str, value: String| (name.as_bytes().to_vec(), value.into_bytes());
    let mut head = vec![pair(":status", status.to_string())];
    head.extend(headers);
    if is_grpc {
        head.retain(|(name, _)| name != b":status" && name != b"content-type");
        head.insert(0, pair(":status", "200".to_owned()));
        head.push(pair("content-type", "application/grpc".to_owned()));
        let grpc_status = grpc_status.unwrap_or_else(|| grpc_status_of(status));
        head.push(pair("grpc-status", grpc_status.to_string()));
        if !body.is_empty() {
            head.push((b"grpc-message".to_vec(), body));
        }
        return (head, Vec::new());
    }
    if !body.is_empty() {
        head.retain(|(name, _)| name != b"content-length");
        head.push(pair("content-length", body.len().to_string()));
        if !head.iter().any(|(name, _)| name == b"content-type") {
            head.push(pair("content-type", "text/plain".to_owned()));
        }
    }
    (head, body)
}

/// The status of gRPC that stands for one of HTTP (Envoy, `httpToGrpcStatus`).
fn grpc_status_of(status: u32) -> u32 {
    match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502..=504 => 14,
        _ => 2,
    }
}

/// The request is over: `on_log`, then `on_done`, then it is gone.
pub(super) fn end(vm: &mut Vm, context: u32) -> Step {
    with(vm, context, |stream| {
        stream.phase = Phase::Live;
        stream.logging = true;
    });
    vm.call(Callback::Log, context, &[context])?;
    with(vm, context, Stream::end);
    vm.call(Callback::Done, context, &[context])?;
    vm.call(Callback::Delete, context, &[context]).map(drop)
}

pub(super) fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
