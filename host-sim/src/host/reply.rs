//! Answers that the guest gives in place of the server: what they look like, and how they reach the
//! client.

use super::{
    Vm, VmFailure,
    http::{code, data, headers, with},
};
use crate::{
    pairs::Pair,
    stream::{Direction, Stream},
    vm::state::LocalResponse,
};

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
