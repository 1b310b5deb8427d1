//! Streams: connections and requests that a test or a scenario sends through the proxy. The order
//! of their callbacks is left to `http` and `tcp`; how a stream finds its guest, to `lifetime`.

use std::rc::Rc;

use super::{Callback, Host, HostError, Vm, VmFailure, http, tcp};
use crate::{
    abi::Peer,
    pairs::Pair,
    properties::{Properties, availability::StreamKind},
    stream::{Direction, exchange::Sent},
};

/// A stream of a host; numbered from 1, and the value of `connection.id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(pub u64);

/// Where a stream goes: which worker, and which of the plugins in the VM. A plain number is a
/// worker, with the first plugin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The worker, numbered from 0.
    pub worker: usize,
    /// The plugin, numbered from 0.
    pub plugin: usize,
}

impl From<usize> for Place {
    fn from(worker: usize) -> Self {
        Self { worker, plugin: 0 }
    }
}

/// A piece of an HTTP message or of a connection.
enum Piece {
    Headers(Vec<Pair>, bool),
    Data(Vec<u8>, bool),
    Trailers(Vec<Pair>),
}

impl Host {
    /// A client connects on a worker, with these properties of the stream.
    pub fn open_tcp(
        &mut self,
        place: impl Into<Place>,
        properties: Properties,
    ) -> Result<StreamId, HostError> {
        self.open_tcp_shared(place.into(), Rc::new(properties))
    }

    /// The same, with properties that many streams have in common.
    pub(crate) fn open_tcp_shared(
        &mut self,
        place: Place,
        properties: Rc<Properties>,
    ) -> Result<StreamId, HostError> {
        let id = self.begin(place, StreamKind::Tcp, properties)?;
        self.with_guest(id, tcp::open)?;
        Ok(id)
    }

    /// A request begins on a worker; `end` when it has no body.
    pub fn open_http(
        &mut self,
        place: impl Into<Place>,
        properties: Properties,
        headers: Vec<Pair>,
        end: bool,
    ) -> Result<StreamId, HostError> {
        self.open_http_shared(place.into(), Rc::new(properties), headers, end)
    }

    /// The same, with properties that many streams have in common.
    pub(crate) fn open_http_shared(
        &mut self,
        place: Place,
        properties: Rc<Properties>,
        headers: Vec<Pair>,
        end: bool,
    ) -> Result<StreamId, HostError> {
        let id = self.begin(place, StreamKind::Http, properties)?;
        self.arrive(id, Direction::FromDownstream, Piece::Headers(headers, end))?;
        Ok(id)
    }

    /// The trailers of a request arrive, and with them its end.
    pub fn request_trailers(&mut self, id: StreamId, trailers: Vec<Pair>) -> Result<(), HostError> {
        self.entry(id, StreamKind::Http)?;
        self.arrive(id, Direction::FromDownstream, Piece::Trailers(trailers))
    }

    /// The response to a request begins; `end` when it has no body.
    pub fn response_headers(
        &mut self,
        id: StreamId,
        headers: Vec<Pair>,
        end: bool,
    ) -> Result<(), HostError> {
        self.entry(id, StreamKind::Http)?;
        self.arrive(id, Direction::FromUpstream, Piece::Headers(headers, end))
    }

    /// The trailers of a response arrive, and with them its end.
    pub fn response_trailers(
        &mut self,
        id: StreamId,
        trailers: Vec<Pair>,
    ) -> Result<(), HostError> {
        self.entry(id, StreamKind::Http)?;
        self.arrive(id, Direction::FromUpstream, Piece::Trailers(trailers))
    }

    /// Data arrives: a chunk of a connection or of a body. `end` when it is the last. On a stream
    /// that the plugin has answered or closed, nothing arrives any more, and this does nothing.
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
        self.arrive(id, direction, Piece::Data(data, end))
    }

    /// Lays more properties over those of a stream, as when a peer becomes known.
    pub fn set_properties(
        &mut self,
        id: StreamId,
        properties: Properties,
    ) -> Result<(), HostError> {
        self.with_guest(id, |vm, context| {
            http::with(vm, context, |stream| {
                Rc::make_mut(&mut stream.properties).merge(properties)
            });
            Ok(())
        })?;
        Ok(())
    }

    /// A connection is closed: `on_done`, then `on_log`, then it is gone.
    pub fn close_tcp(&mut self, id: StreamId, peer: Peer) -> Result<(), HostError> {
        self.close(id, StreamKind::Tcp, Some(peer))
    }

    /// A request is over: `on_log`, then `on_done`, then it is gone.
    pub fn finish_http(&mut self, id: StreamId) -> Result<(), HostError> {
        self.close(id, StreamKind::Http, None)
    }

    /// Calls `proxy_on_foreign_function` on the root of a plugin, as a proxy does that has something
    /// of its own to tell. The guest reads the data from the call-data buffer, meanwhile only.
    pub fn call_foreign(
        &mut self,
        place: impl Into<Place>,
        function: u32,
        data: Vec<u8>,
    ) -> Result<(), HostError> {
        let place = place.into();
        let root = self.root_of(place.plugin)?;
        let thread = self.index_of(place.worker);
        let worker = self.threads.get_mut(thread).ok_or(HostError::NoWorker(place.worker))?;
        if let Some(vm) = worker.live() {
            let arguments = [root, function, http::length(data.len())];
            vm.state().call_data = data;
            let _recorded = vm.call(Callback::ForeignFunction, root, &arguments);
            vm.state().call_data.clear();
            self.settle(thread);
        }
        self.run_due()
    }

    /// A piece arrives: at the guest, or, where there is none any more, behind it.
    fn arrive(
        &mut self,
        id: StreamId,
        direction: Direction,
        piece: Piece,
    ) -> Result<(), HostError> {
        let mut piece = Some(piece);
        let kind = self.streams.get(&id).ok_or(HostError::NoStream(id))?.kind;
        let passes_by = self.with_guest(id, |vm, context| {
            // After the plugin's own answer, neither side is listened to.
            let replied = http::with(vm, context, |stream| stream.replied);
            match piece.take().filter(|_| !replied) {
                Some(piece) => deliver(vm, context, kind, (direction, piece)),
                None => Ok(()),
            }
        })?;
        if let (true, Some(piece), Some(entry)) = (passes_by, piece, self.streams.get_mut(&id)) {
            pass_by(
                match direction {
                    Direction::FromDownstream => &mut entry.exchange.request,
                    Direction::FromUpstream => &mut entry.exchange.response,
                },
                piece,
            );
        }
        Ok(())
    }
}

fn deliver(
    vm: &mut Vm,
    context: u32,
    kind: StreamKind,
    (direction, piece): (Direction, Piece),
) -> Result<(), VmFailure> {
    match (kind, piece) {
        (StreamKind::Tcp, Piece::Data(data, end)) => tcp::data(vm, context, direction, (data, end)),
        (_, Piece::Headers(headers, end)) => http::headers(vm, context, direction, (headers, end)),
        (_, Piece::Data(data, end)) => http::data(vm, context, direction, (data, end)),
        (_, Piece::Trailers(trailers)) => http::trailers(vm, context, direction, trailers),
    }
}

fn pass_by(sent: &mut Sent, piece: Piece) {
    match piece {
        Piece::Headers(headers, end) => {
            sent.headers = Some(headers);
            sent.complete |= end;
        }
        Piece::Data(data, end) => {
            sent.push(data);
            sent.complete |= end;
        }
        Piece::Trailers(trailers) => {
            sent.trailers = Some(trailers);
            sent.complete = true;
        }
    }
}
