//! The steps of a case in the simulator.

use host_sim::{Direction, Exchange, Host, LogEntry, Peer, Place, StreamId, parse_duration_ns};

use super::super::script::Case;
use super::super::step::Request;
use super::super::words::{bytes, pairs};
use super::lines;
use super::stream::{Stream, look, pair, stream_properties};

/// A case while it runs.
pub(super) struct Run<'a> {
    pub host: Host,
    pub case: &'a Case,
    pub streams: Vec<Stream>,
    /// The stream that the steps are about.
    pub current: usize,
    /// How many lines there were of each thread.
    pub progress: Vec<Vec<usize>>,
}

impl Run<'_> {
    pub fn note_progress(&mut self) {
        let threads = lines(&self.host.timeline(), self.case.workers);
        self.progress.push(threads.iter().map(Vec::len).collect());
    }

    pub fn step(&mut self, step: &[String]) {
        let word = |at: usize| step.get(at).map_or("", String::as_str);
        match word(0) {
            "connect" => self.connect(word(1).parse().unwrap_or(0)),
            "request" => self.request(&Request::new(step)),
            "wait" | "pause" => {
                let duration = parse_duration_ns(word(1)).expect("a duration");
                self.host.advance(duration).expect("time passes");
            }
            "stream" => self.current = word(1).parse().expect("a number"),
            "drain" => self.host.drain_plugin(0).expect("the host drains"),
            "remove" => self.host.terminate(),
            "send" | "body" => self.data(Direction::FromDownstream, word(1), false),
            "end" | "body-end" => self.data(Direction::FromDownstream, "", true),
            "server" | "respond-body" => self.data(Direction::FromUpstream, word(1), false),
            "server-end" | "respond-end" => self.data(Direction::FromUpstream, "", true),
            "trailers" => self.trailers(Direction::FromDownstream, word(1)),
            "respond-trailers" => self.trailers(Direction::FromUpstream, word(1)),
            "respond" => self.respond(word(1), word(2), false),
            "respond-empty" => self.respond(word(1), word(2), true),
            "respond-close" => self.break_off(),
            "close" => self.end_stream(Peer::Remote),
            unknown => panic!("no step is `{unknown}`"),
        }
        self.look();
    }

    fn place(&self, listener: usize, worker: usize) -> Place {
        Place { worker, plugin: listener.min(self.case.plugins.len() - 1) }
    }

    fn connect(&mut self, listener: usize) {
        let properties = stream_properties("tcp");
        if self.case.kinds[listener].ends_with("_logger") {
            return self.push(StreamId(0), false, Some(LogEntry::new(properties)));
        }
        let id = self.host.open_tcp(self.place(listener, 0), properties);
        self.push(id.expect("it opens"), false, None);
    }

    fn request(&mut self, request: &Request<'_>) {
        let mut start = [
            (":authority", "test"),
            (":path", request.path),
            (":method", request.method),
            (":scheme", "http"),
        ];
        // Over HTTP/2, clients choose the order.
        if self.case.http2.clients {
            start.rotate_left(2);
        }
        let mut headers: Vec<_> =
            start.into_iter().map(|(name, value)| pair(name, value)).collect();
        headers.extend(
            pairs(request.headers)
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase().into_bytes(), bytes(value))),
        );
        headers.push(pair("x-forwarded-proto", "http"));
        let properties = stream_properties("http");
        if self.case.kinds[0] == "http_logger" {
            let mut entry = LogEntry::new(properties);
            entry.request_headers = Some(headers);
            return self.push(StreamId(0), true, Some(entry));
        }
        let place = self.place(request.listener, request.worker);
        let id = self.host.open_http(place, properties, headers, request.ends);
        self.push(id.expect("it opens"), true, None);
    }

    fn push(&mut self, id: StreamId, is_http: bool, logged: Option<LogEntry>) {
        let exchange = Exchange::default();
        self.current = self.streams.len();
        self.streams.push(Stream {
            id,
            is_http,
            is_open: true,
            ended: [false; 2],
            exchange,
            logged,
        });
    }

    fn current(&mut self) -> &mut Stream {
        self.streams.get_mut(self.current).expect("a stream has begun")
    }

    fn data(&mut self, direction: Direction, text: &str, end: bool) {
        let stream = self.current();
        let (id, is_logged) = (stream.id, stream.logged.is_some());
        if !is_logged && stream.is_open {
            self.host.send(id, direction, bytes(text), end).expect("data arrives");
        }
        if end {
            self.end_side(direction);
        }
    }

    /// A connection is over when both sides are; whoever ends last has closed it. What is logged
    /// of a request is so when its response ends.
    fn end_side(&mut self, direction: Direction) {
        let stream = self.current();
        let side = usize::from(direction == Direction::FromUpstream);
        stream.ended[side] = true;
        let is_over = match stream.is_http {
            true => stream.logged.is_some() && side == 1,
            false => stream.ended == [true; 2],
        };
        if is_over {
            self.look();
            self.end_stream(if side == 0 { Peer::Remote } else { Peer::Local });
        }
    }

    fn respond(&mut self, status: &str, more: &str, end: bool) {
        let mut headers = vec![pair(":status", status)];
        // Over HTTP/2, nothing needs to be said of the length.
        headers.extend(match (self.case.http2.server, end) {
            (true, _) => None,
            (false, true) => Some(pair("content-length", "0")),
            (false, false) => Some(pair("transfer-encoding", "chunked")),
        });
        headers.extend(pairs(more).iter().map(|(name, value)| pair(name, value)));
        let stream = self.current();
        let id = stream.id;
        if let Some(entry) = &mut stream.logged {
            entry.response_headers = Some(headers);
            if end {
                self.end_stream(Peer::Local);
            }
        } else if stream.is_open {
            self.host.response_headers(id, headers, end).expect("it responds");
        }
    }

    /// The server goes away before the end of its response.
    fn break_off(&mut self) {
        let stream = self.current();
        let id = stream.id;
        if stream.is_open {
            self.host.reset_by_server(id).expect("it breaks off");
        }
    }

    fn trailers(&mut self, direction: Direction, text: &str) {
        let trailers: Vec<_> = pairs(text).iter().map(|(name, value)| pair(name, value)).collect();
        let stream = self.current();
        let id = stream.id;
        if let Some(entry) = &mut stream.logged {
            if direction == Direction::FromUpstream {
                entry.response_trailers = Some(trailers);
                self.end_stream(Peer::Local);
            }
        } else if direction == Direction::FromDownstream {
            self.host.request_trailers(id, trailers).expect("they arrive");
        } else {
            self.host.response_trailers(id, trailers).expect("they arrive");
        }
    }

    /// Remembers what has moved on. A request is over once its response is.
    fn look(&mut self) {
        for stream in self.streams.iter_mut().filter(|it| it.is_open && it.logged.is_none()) {
            look(&mut self.host, stream);
        }
    }

    fn end_stream(&mut self, peer: Peer) {
        let current = self.current;
        let Some(stream) = self.streams.get_mut(current).filter(|it| it.is_open) else { return };
        stream.is_open = false;
        let (id, is_http, entry) = (stream.id, stream.is_http, stream.logged.clone());
        let ended = match (entry, is_http) {
            (Some(entry), _) => self.host.access_log(0, entry),
            (None, true) => self.host.finish_http(id),
            (None, false) => self.host.close_tcp(id, peer),
        };
        ended.expect("it ends");
    }

    /// What is open still is closed by the client.
    pub fn end_streams(&mut self) {
        self.look();
        for at in 0..self.streams.len() {
            self.current = at;
            self.end_stream(Peer::Remote);
        }
    }
}
