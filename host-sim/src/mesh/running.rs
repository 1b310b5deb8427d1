//! A sidecar's VM while it runs: the streams through it, and the bytes that it sees, each of which
//! is put into the books as it passes.

use super::{
    accounts::Counts,
    agenda::{Agenda, What},
    chance::Chance,
    ledger::{Bytes, Ledger},
    population::Member,
    world::{CHUNK_BYTES, World},
};
use crate::{Direction, Host, HostError, Peer, StreamId, StreamKind, timestamp::SECOND_NS};

/// The mean time from a request to its answer.
const ANSWER_NS: f64 = 0.03 * SECOND_NS as f64;

/// The mean time between bytes on a long stream.
const MOVE_NS: f64 = 20.0 * SECOND_NS as f64;

/// The share of requests with a body.
const BODY_SHARE: f64 = 0.5;

/// A sidecar has no more streams than this open at a time.
const MAX_STREAMS: usize = 64;

const HOUR_MS: u64 = 3_600_000;

/// A VM, its streams and its books.
pub(super) struct Running {
    pub(super) host: Host,
    pub(super) ledger: Ledger,
    kind: StreamKind,
    streams: Vec<Option<Stream>>,
}

#[derive(Clone, Copy)]
struct Stream {
    id: StreamId,
    destination: u32,
    is_long: bool,
    ends_ns: u64,
}

/// What a stream needs around it.
pub(super) struct Around<'a> {
    pub(super) world: &'a World<'a>,
    pub(super) member: &'a Member,
    pub(super) chance: &'a mut Chance,
    pub(super) agenda: &'a mut Agenda,
    pub(super) counts: &'a mut Counts,
    pub(super) now_ns: u64,
}

impl Running {
    pub(super) fn new(host: Host, kind: StreamKind) -> Self {
        Self { host, ledger: Ledger::default(), kind, streams: Vec::new() }
    }

    /// A request or a connection begins.
    pub(super) fn arrive(&mut self, around: &mut Around<'_>) -> Result<(), HostError> {
        let Some((slot, destination)) = self.free_slot().zip(draw_destination(around)) else {
            return Ok(());
        };
        let is_long = around.chance.is(around.world.settings.traffic.long_share);
        let place = usize::try_from(destination).unwrap_or_default();
        let Some(properties) = around.world.properties.get(place).cloned() else { return Ok(()) };
        let (id, size) = match self.kind {
            StreamKind::Tcp => {
                around.counts.connections += 1;
                (self.host.open_tcp_shared(0.into(), properties)?, around.chance.size())
            }
            StreamKind::Http => {
                around.counts.requests += 1;
                let has_body = around.chance.is(BODY_SHARE);
                let size = if has_body { around.chance.size() } else { 0 };
                let headers = request_headers();
                let end = size == 0 && !is_long;
                (self.host.open_http_shared(0.into(), properties, headers, end)?, size)
            }
        };
        let stream = Stream { id, destination, is_long, ends_ns: 0 };
        self.send(stream, Direction::FromDownstream, size, around)?;
        if let Some(place) = self.streams.get_mut(slot) {
            *place = Some(stream);
        }
        let at_ns = around.now_ns.saturating_add(around.chance.wait_ns(ANSWER_NS));
        around.agenda.add(at_ns, What::Answer(u32::try_from(slot).unwrap_or_default()));
        Ok(())
    }

    /// The answer comes.
    pub(super) fn answer(&mut self, slot: u32, around: &mut Around<'_>) -> Result<(), HostError> {
        let Some(mut stream) = self.stream(slot) else { return Ok(()) };
        if self.kind == StreamKind::Http {
            let headers = vec![(b":status".to_vec(), b"200".to_vec())];
            self.host.response_headers(stream.id, headers, false)?;
        }
        let size = around.chance.size();
        self.send(stream, Direction::FromUpstream, size, around)?;
        if !stream.is_long {
            return self.close(slot, stream);
        }
        let life_ns = around.world.settings.traffic.long_life_ns;
        #[expect(clippy::cast_precision_loss, reason = "chance needs no more")]
        let life_ns = around.chance.wait_ns(life_ns as f64);
        stream.ends_ns = around.now_ns.saturating_add(life_ns);
        if let Some(place) = self.place(slot) {
            *place = Some(stream);
        }
        move_later(slot, around);
        Ok(())
    }

    /// Bytes move on a long stream, one way or the other; or it ends.
    pub(super) fn moves(&mut self, slot: u32, around: &mut Around<'_>) -> Result<(), HostError> {
        let Some(stream) = self.stream(slot) else { return Ok(()) };
        if around.now_ns >= stream.ends_ns {
            return self.close(slot, stream);
        }
        let direction = match around.chance.is(0.5) {
            true => Direction::FromDownstream,
            false => Direction::FromUpstream,
        };
        let size = around.chance.size();
        self.send(stream, direction, size, around)?;
        move_later(slot, around);
        Ok(())
    }

    fn send(
        &mut self,
        stream: Stream,
        direction: Direction,
        size: usize,
        around: &mut Around<'_>,
    ) -> Result<(), HostError> {
        let mut left = size;
        while left > 0 {
            let chunk = left.min(CHUNK_BYTES);
            left -= chunk;
            let is_end = left == 0 && !stream.is_long && self.kind == StreamKind::Http;
            let data = around.world.bytes(chunk, around.chance);
            self.host.send(stream.id, direction, data, is_end)?;
        }
        if size > 0 {
            let wall_ns = around.now_ns.saturating_add_signed(around.member.ahead_ns);
            let at_ms = wall_ns / 1_000_000;
            let hour = u32::try_from(at_ms / HOUR_MS).unwrap_or(u32::MAX);
            let bytes = match direction {
                Direction::FromDownstream => Bytes { tx: size as u64, rx: 0 },
                Direction::FromUpstream => Bytes { tx: 0, rx: size as u64 },
            };
            self.ledger.moved(at_ms, (hour, stream.destination), bytes);
        }
        Ok(())
    }

    fn close(&mut self, slot: u32, stream: Stream) -> Result<(), HostError> {
        if let Some(place) = self.place(slot) {
            *place = None;
        }
        match self.kind {
            StreamKind::Tcp => self.host.close_tcp(stream.id, Peer::Remote),
            StreamKind::Http => self.host.finish_http(stream.id),
        }
    }

    fn place(&mut self, slot: u32) -> Option<&mut Option<Stream>> {
        self.streams.get_mut(usize::try_from(slot).ok()?)
    }

    fn stream(&mut self, slot: u32) -> Option<Stream> {
        *self.place(slot)?
    }

    fn free_slot(&mut self) -> Option<usize> {
        if let Some(free) = self.streams.iter().position(Option::is_none) {
            return Some(free);
        }
        let is_full = self.streams.len() >= MAX_STREAMS;
        (!is_full).then(|| {
            self.streams.push(None);
            self.streams.len() - 1
        })
    }
}

fn draw_destination(around: &mut Around<'_>) -> Option<u32> {
    let app = around.world.population.app(around.member.app)?;
    app.peers.get(around.chance.pick(&app.weights)).copied()
}

fn move_later(slot: u32, around: &mut Around<'_>) {
    let at_ns = around.now_ns.saturating_add(around.chance.wait_ns(MOVE_NS));
    around.agenda.add(at_ns, What::Move(slot));
}

fn request_headers() -> Vec<crate::pairs::Pair> {
    let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    vec![pair(":method", "POST"), pair(":path", "/"), pair(":authority", "app")]
}
