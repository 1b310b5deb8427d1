//! Streams: connections and requests that a test or a scenario sends through the proxy. The order
//! of their callbacks is Envoy's. How a stream finds its guest is left to `lifetime`.

use super::{Host, HostError, Vm, VmFailure};
use crate::{
    abi::{Action, Peer},
    pairs::Pair,
    properties::{
        Properties,
        availability::{Phase, StreamKind},
    },
    stream::{Half, Stream},
};

/// A stream of a host; numbered from 1, and the value of `connection.id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(pub u64);

/// Which way data flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client: TCP downstream data, or an HTTP request.
    FromDownstream,
    /// From the server: TCP upstream data, or an HTTP response.
    FromUpstream,
}

impl Host {
    /// A client connects on a worker, with these properties of the stream.
    pub fn open_tcp(
        &mut self,
        worker: usize,
        properties: Properties,
    ) -> Result<StreamId, HostError> {
        let id = self.begin(worker, StreamKind::Tcp, properties)?;
        self.with_guest(id, |vm, context| {
            vm.call("proxy_on_new_connection", context, &[context])?;
            change(vm, context, |stream| stream.phase = Phase::Live);
            Ok(())
        })?;
        Ok(id)
    }

    /// A request begins on a worker; `end` when it has no body.
    pub fn open_http(
        &mut self,
        worker: usize,
        properties: Properties,
        headers: Vec<Pair>,
        end: bool,
    ) -> Result<StreamId, HostError> {
        let id = self.begin(worker, StreamKind::Http, properties)?;
        self.with_guest(id, |vm, context| {
            let count = headers.len();
            change(vm, context, |stream| stream.request.headers = Some(headers));
            let arguments = [context, length(count), u32::from(end)];
            vm.call("proxy_on_request_headers", context, &arguments).map(drop)
        })?;
        Ok(id)
    }

    /// The response to a request begins; `end` when it has no body.
    pub fn response_headers(
        &mut self,
        id: StreamId,
        headers: Vec<Pair>,
        end: bool,
    ) -> Result<(), HostError> {
        self.expect_kind(id, StreamKind::Http)?;
        self.with_guest(id, |vm, context| {
            let count = headers.len();
            change(vm, context, |stream| {
                stream.phase = Phase::Live;
                stream.response.headers = Some(headers);
            });
            let arguments = [context, length(count), u32::from(end)];
            vm.call("proxy_on_response_headers", context, &arguments).map(drop)
        })
    }

    /// Data arrives: a chunk of a connection or of a body. `end` when it is the last.
    pub fn send(
        &mut self,
        id: StreamId,
        direction: Direction,
        data: Vec<u8>,
        end: bool,
    ) -> Result<(), HostError> {
        let entry = self.streams.get_mut(&id).ok_or(HostError::NoStream(id))?;
        let bytes = match direction {
            Direction::FromDownstream => &mut entry.downstream_bytes,
            Direction::FromUpstream => &mut entry.upstream_bytes,
        };
        *bytes = bytes.saturating_add(data.len() as u64);
        let kind = entry.kind;
        self.with_guest(id, |vm, context| {
            deliver(vm, context, kind, (direction, data, end))?;
            // Envoy tells a network filter of the upstream's end only so, and does not know why.
            if (kind, direction, end) == (StreamKind::Tcp, Direction::FromUpstream, true) {
                vm.call("proxy_on_upstream_connection_close", context, &[context, 0])?;
            }
            Ok(())
        })
    }

    /// Lays more properties over those of a stream, as when a peer becomes known.
    pub fn set_properties(
        &mut self,
        id: StreamId,
        properties: Properties,
    ) -> Result<(), HostError> {
        self.with_guest(id, |vm, context| {
            change(vm, context, |stream| stream.properties.merge(properties));
            Ok(())
        })
    }

    /// A connection is closed: `on_done`, then `on_log`, then it is gone.
    pub fn close_tcp(&mut self, id: StreamId, peer: Peer) -> Result<(), HostError> {
        self.expect_kind(id, StreamKind::Tcp)?;
        self.with_guest(id, |vm, context| {
            let arguments = [context, peer.code()];
            vm.call("proxy_on_downstream_connection_close", context, &arguments)?;
            vm.call("proxy_on_done", context, &[context])?;
            vm.call("proxy_on_log", context, &[context])?;
            vm.call("proxy_on_delete", context, &[context]).map(drop)
        })?;
        self.forget(id)
    }

    /// A request is over: `on_log`, then `on_done`, then it is gone.
    pub fn finish_http(&mut self, id: StreamId) -> Result<(), HostError> {
        self.expect_kind(id, StreamKind::Http)?;
        self.with_guest(id, |vm, context| {
            change(vm, context, |stream| stream.phase = Phase::Live);
            vm.call("proxy_on_log", context, &[context])?;
            change(vm, context, Stream::end);
            vm.call("proxy_on_done", context, &[context])?;
            vm.call("proxy_on_delete", context, &[context]).map(drop)
        })?;
        self.forget(id)
    }
}

fn change(vm: &mut Vm, context: u32, change: impl FnOnce(&mut Stream)) {
    if let Some(stream) = vm.state().stream_mut(context) {
        change(stream);
    }
}

fn half(stream: &mut Stream, direction: Direction) -> &mut Half {
    match direction {
        Direction::FromDownstream => &mut stream.request,
        Direction::FromUpstream => &mut stream.response,
    }
}

/// Gives data to the guest, and keeps what it holds back.
fn deliver(
    vm: &mut Vm,
    context: u32,
    kind: StreamKind,
    (direction, data, end): (Direction, Vec<u8>, bool),
) -> Result<(), VmFailure> {
    let callback = match (kind, direction) {
        (StreamKind::Tcp, Direction::FromDownstream) => "proxy_on_downstream_data",
        (StreamKind::Tcp, Direction::FromUpstream) => "proxy_on_upstream_data",
        (StreamKind::Http, Direction::FromDownstream) => "proxy_on_request_body",
        (StreamKind::Http, Direction::FromUpstream) => "proxy_on_response_body",
    };
    let mut size = 0;
    change(vm, context, |stream| size = half(stream, direction).receive(data));
    let result = vm.call(callback, context, &[context, length(size), u32::from(end)])?;
    let action = if result.unwrap_or(0) == 0 { Action::Continue } else { Action::Pause };
    change(vm, context, |stream| half(stream, direction).settle(action));
    Ok(())
}

fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
