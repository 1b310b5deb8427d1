//! gRPC calls and streams: checks what the guest asks for and puts it into the outbox. Answering is
//! left to `crate::grpc` and `host`.

use std::{collections::BTreeMap, rc::Rc};

use wasmtime::Linker;

use super::foreign::fields;
use crate::{
    abi::Status,
    grpc::{GrpcAction, GrpcEvent, GrpcExchange, GrpcKind, GrpcRequest},
    pairs::{self, Pair},
    process::kept::Share,
    vm::{
        guest::{CallResult, Guest, answer, give, read, read_pairs, read_text, write},
        state::VmState,
    },
};

/// Tokens go up by this much; the lowest two bits say what they are of.
const TOKEN_INCREMENT: u32 = 4;

/// What is kept of a call beside its texts.
const CALL_BYTES: usize = 512;

/// The lowest two bits of the token of a call and of a stream.
const CALL: u32 = 1;
const STREAM: u32 = 2;

/// The gRPC of one VM.
#[derive(Debug, Default)]
pub(crate) struct GrpcState {
    /// What lasts, by token.
    pub(crate) exchanges: BTreeMap<u32, GrpcExchange>,
    last_call: u32,
    last_stream: u32,
    /// There while the callback runs that tells of them.
    pub(crate) initial_metadata: Option<Vec<Pair>>,
    pub(crate) trailing_metadata: Option<Vec<Pair>>,
    pub(crate) message: Option<Vec<u8>>,
}

impl GrpcState {
    /// The next token: 5, 9, ... for calls, 6, 10, ... for streams (cpp-host, `nextGrpcCallId`).
    fn next_token(&mut self, kind: GrpcKind) -> u32 {
        let (last, bits) = match kind {
            GrpcKind::Call => (&mut self.last_call, CALL),
            GrpcKind::Stream => (&mut self.last_stream, STREAM),
        };
        *last = last.wrapping_add(TOKEN_INCREMENT);
        *last | bits
    }

    /// What a token is of; `BAD_ARGUMENT` if of no gRPC, `NOT_FOUND` if it has ended.
    fn exchange(&mut self, token: u32) -> Result<&mut GrpcExchange, Status> {
        if token & 3 != CALL && token & 3 != STREAM {
            return Err(Status::BadArgument);
        }
        self.exchanges.get_mut(&token).ok_or(Status::NotFound)
    }
}

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    link_starts(linker)?;
    linker.func_wrap(
        "env",
        "proxy_grpc_send",
        |mut guest: Guest<'_>, token: u32, message: u32, size: u32, end: u32| {
            answer(send(&mut guest, token, (message, size), end != 0))
        },
    )?;
    linker.func_wrap("env", "proxy_grpc_cancel", |mut guest: Guest<'_>, token: u32| {
        answer(cancel(guest.data_mut(), token))
    })?;
    linker.func_wrap("env", "proxy_grpc_close", |mut guest: Guest<'_>, token: u32| {
        answer(close(guest.data_mut(), token))
    })?;
    linker.func_wrap(
        "env",
        "proxy_get_status",
        |mut guest: Guest<'_>, code: u32, message: u32, size: u32| {
            answer(get_status(&mut guest, code, message, size))
        },
    )?;
    Ok(())
}

fn link_starts(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_grpc_call",
        |mut guest: Guest<'_>,
         upstream: u32,
         upstream_size: u32,
         service: u32,
         service_size: u32,
         method: u32,
         method_size: u32,
         metadata: u32,
         metadata_size: u32,
         message: u32,
         message_size: u32,
         timeout_ms: u32,
         token: u32| {
            let start = Start {
                kind: GrpcKind::Call,
                upstream: (upstream, upstream_size),
                service: (service, service_size),
                method: (method, method_size),
                metadata: (metadata, metadata_size),
                message: (message, message_size),
                timeout_ms,
            };
            answer(begin(&mut guest, &start, token))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_grpc_stream",
        |mut guest: Guest<'_>,
         upstream: u32,
         upstream_size: u32,
         service: u32,
         service_size: u32,
         method: u32,
         method_size: u32,
         metadata: u32,
         metadata_size: u32,
         token: u32| {
            let start = Start {
                kind: GrpcKind::Stream,
                upstream: (upstream, upstream_size),
                service: (service, service_size),
                method: (method, method_size),
                metadata: (metadata, metadata_size),
                message: (0, 0),
                timeout_ms: 0,
            };
            answer(begin(&mut guest, &start, token))
        },
    )?;
    Ok(())
}

/// The arguments with which a call or a stream begins; pairs are pointer and size.
struct Start {
    kind: GrpcKind,
    upstream: (u32, u32),
    service: (u32, u32),
    method: (u32, u32),
    metadata: (u32, u32),
    message: (u32, u32),
    timeout_ms: u32,
}

fn begin(guest: &mut Guest<'_>, start: &Start, return_token: u32) -> CallResult {
    let upstream = read(guest, start.upstream.0, start.upstream.1)?;
    let service = read_text(guest, start.service.0, start.service.1)?;
    let method = read_text(guest, start.method.0, start.method.1)?;
    let metadata = read(guest, start.metadata.0, start.metadata.1)?;
    let message = read(guest, start.message.0, start.message.1)?;
    // A bad place for the token is found before anything is sent.
    write(guest, return_token, &0_u32.to_le_bytes())?;
    let metadata = read_pairs(guest, &metadata);
    if upstream.is_empty() {
        guest.data().warn_of_crash("a gRPC service without a name");
    }
    let sizes = [upstream.len(), service.len(), method.len(), pairs::serialized_len(&metadata)];
    let mut share = Share::of(&guest.data().process.kept);
    share.add(sizes.into_iter().fold(CALL_BYTES, usize::saturating_add));
    let request = GrpcRequest { service, method, metadata };
    let state = guest.data_mut();
    let (token, exchange) = admit(state, start, &upstream, (request, Rc::new(share)))?;
    let is_known = state.process.callouts.borrow().clusters.contains_key(&exchange.cluster);
    state.grpc.exchanges.insert(token, exchange.clone());
    let mut events = vec![GrpcEvent::Start];
    if start.kind == GrpcKind::Call {
        events.extend([GrpcEvent::Message(message), GrpcEvent::HalfClose]);
    }
    state.outbox.grpc.push(GrpcAction { token, exchange, events });
    if !is_known {
        return Err(Status::InternalFailure.into());
    }
    write(guest, return_token, &token.to_le_bytes())
}

/// Finds the cluster, which is named or described by a `GrpcService`, and takes a token. If a
/// described one is not there, Envoy takes the token, says that it failed, and calls back all the
/// same (measured).
fn admit(
    state: &mut VmState,
    start: &Start,
    upstream: &[u8],
    (request, share): (GrpcRequest, Rc<Share>),
) -> Result<(u32, GrpcExchange), Status> {
    let now_ns = state.process.now_ns.get();
    let (cluster, is_described) = cluster_name(upstream);
    let mut callouts = state.process.callouts.borrow_mut();
    let is_known = callouts.clusters.contains_key(&cluster);
    if !is_known && !is_described {
        return Err(Status::ParseFailure);
    }
    let admitted = if is_known {
        callouts.admit(&cluster, now_ns)
    } else {
        Ok(crate::callouts::fault::Fault::None)
    };
    drop(callouts);
    let token = state.grpc.next_token(start.kind);
    let exchange = GrpcExchange {
        kind: start.kind,
        root: state.root(),
        cluster,
        request,
        timeout_ms: start.timeout_ms,
        fault: admitted?,
        local_closed: start.kind == GrpcKind::Call,
        remote_closed: false,
        request_ended_ns: (start.kind == GrpcKind::Call).then_some(now_ns),
        has_begun: false,
        trailers: Vec::new(),
        _share: share,
    };
    Ok((token, exchange))
}

/// The cluster of an `envoy.config.core.v3.GrpcService` with `envoy_grpc`, or the plain name; and
/// whether it was described so.
fn cluster_name(upstream: &[u8]) -> (String, bool) {
    let inner = |bytes: &[u8]| {
        let found = fields(bytes)?.into_iter().find(|(number, _)| *number == 1)?;
        Some(found.1)
    };
    // An `envoy_grpc` may leave its cluster's name out.
    let described = inner(upstream).and_then(|envoy_grpc| {
        fields(&envoy_grpc)?;
        Some(inner(&envoy_grpc).unwrap_or_default())
    });
    let is_described = described.is_some();
    let name = described.unwrap_or_else(|| upstream.to_vec());
    (String::from_utf8_lossy(&name).into_owned(), is_described)
}

/// Only a stream takes messages.
fn send(guest: &mut Guest<'_>, token: u32, message: (u32, u32), end: bool) -> CallResult {
    let message = read(guest, message.0, message.1)?;
    let state = guest.data_mut();
    if token & 3 != STREAM {
        return Err(Status::BadArgument.into());
    }
    let now_ns = state.process.now_ns.get();
    let exchange = state.grpc.exchange(token)?;
    let mut events = vec![GrpcEvent::Message(message)];
    if end {
        events.push(GrpcEvent::HalfClose);
        exchange.request_ended_ns.get_or_insert(now_ns);
    }
    if !exchange.remote_closed {
        let exchange = exchange.clone();
        state.outbox.grpc.push(GrpcAction { token, exchange, events });
    }
    Ok(())
}

fn cancel(state: &mut VmState, token: u32) -> CallResult {
    let exchange = state.grpc.exchange(token)?.clone();
    state.grpc.exchanges.remove(&token);
    state.outbox.grpc.push(GrpcAction { token, exchange, events: vec![GrpcEvent::Cancel] });
    Ok(())
}

/// To close a call is to cancel it; a stream goes on until the upstream closes it too.
fn close(state: &mut VmState, token: u32) -> CallResult {
    let now_ns = state.process.now_ns.get();
    let exchange = state.grpc.exchange(token)?;
    if exchange.kind == GrpcKind::Call {
        return cancel(state, token);
    }
    let was_closed = std::mem::replace(&mut exchange.local_closed, true);
    exchange.request_ended_ns.get_or_insert(now_ns);
    let exchange = exchange.clone();
    if was_closed && !exchange.remote_closed {
        return Ok(());
    }
    if exchange.remote_closed {
        state.grpc.exchanges.remove(&token);
    } else {
        let events = vec![GrpcEvent::HalfClose];
        state.outbox.grpc.push(GrpcAction { token, exchange, events });
    }
    Ok(())
}

/// The status of what the running callback tells of; 0 at the start, the last one afterwards.
fn get_status(guest: &mut Guest<'_>, code: u32, message: u32, size: u32) -> CallResult {
    let (status, text) = guest.data().status.clone();
    write(guest, code, &status.to_le_bytes())?;
    give(guest, text.as_bytes(), message, size)
}
