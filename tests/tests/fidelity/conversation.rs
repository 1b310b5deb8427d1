//! One case on Envoy: the test is its clients and the server behind the proxy, and goes on to the
//! next step when Envoy has done what it is expected to do with the last one.

use std::thread::sleep;
use std::time::Duration;

use flow_tests::deadline::poll;

use super::http2::Connection;
use super::peer::Peer;
use super::real::Envoy;
use super::script::Case;
use super::simulated::Simulated;
use super::step::Request;
use super::transcript::Message;
use super::wire::Wire;
use super::words::bytes;

/// How long a server that is not expected may take.
const DIFFERENCE_PATIENCE: Duration = Duration::from_secs(1);

/// A case while it runs.
pub struct Conversation<'a> {
    envoy: &'a Envoy<'a>,
    at: usize,
    simulated: &'a Simulated,
    clients: Vec<Peer>,
    /// The connections of clients that speak HTTP/2, by the number of the client.
    connections: Vec<Option<Connection>>,
    servers: Vec<Peer>,
    /// The stream that the steps are about.
    current: usize,
    /// What Envoy is to have read of clients and of servers, in bytes.
    sent: [u64; 2],
}

/// Which side sends.
#[derive(Clone, Copy)]
enum Side {
    Client,
    Server,
}

impl<'a> Conversation<'a> {
    /// The case of this number.
    pub fn new(envoy: &'a Envoy<'a>, at: usize, simulated: &'a Simulated) -> Self {
        let sent = [envoy.bytes_read(at, true), envoy.bytes_read(at, false)];
        let (clients, connections, servers) = (Vec::new(), Vec::new(), Vec::new());
        Self { envoy, at, simulated, clients, connections, servers, current: 0, sent }
    }

    /// Runs all of it; gives what the clients and the servers were given.
    pub fn run(mut self) -> (Vec<String>, Vec<String>) {
        println!("on Envoy: {}", self.case().title);
        self.keep_up(0);
        if self.simulated.refused {
            return self.find_nobody();
        }
        let steps = self.case().steps.clone();
        for (number, step) in steps.iter().enumerate() {
            self.step(step, number);
            self.keep_up(number + 1);
        }
        if self.case().kinds[0].ends_with("_logger") {
            self.keep_up(steps.len() + 1);
            return (Vec::new(), Vec::new());
        }
        // What the other side was given may still be under way.
        let expected = &self.simulated.transcript;
        while self.servers.len() < expected.server.len() && self.accept().is_some() {}
        self.take_waiting();
        if self.case().differs.is_some() {
            self.await_difference();
        } else {
            self.envoy.wait(|| {
                self.client_lines() == expected.client && self.server_lines() == expected.server
            });
        }
        let given = (self.client_lines(), self.server_lines());
        self.clients.iter_mut().for_each(Peer::close);
        self.connections.clear();
        self.keep_up(steps.len() + 1);
        self.servers.iter_mut().for_each(Peer::close);
        given
    }

    fn case(&self) -> &'a Case {
        self.envoy.placed(self.at).case
    }

    /// Where the listener was refused, nobody takes connections.
    fn find_nobody(&self) -> (Vec<String>, Vec<String>) {
        let ports = &self.envoy.placed(self.at).ports;
        let is_there = |port: &u16| Wire::try_connect(*port).is_some();
        match ports.iter().any(is_there) {
            true => (vec!["somebody listens".to_owned()], Vec::new()),
            false => (vec![super::NOBODY_LISTENS.to_owned()], Vec::new()),
        }
    }

    /// Gives a difference that is meant the time to show; it may be elsewhere.
    fn await_difference(&mut self) {
        let expected = &self.simulated.transcript;
        let _ = poll(DIFFERENCE_PATIENCE, || {
            self.take_waiting();
            if self.server_lines() == expected.server { Err(String::new()) } else { Ok(()) }
        });
    }

    /// Waits until the guest has logged as many lines as it does in the simulator.
    fn keep_up(&self, step: usize) {
        let expected = &self.simulated.progress[step];
        self.envoy.wait(|| {
            let counts = self.envoy.line_counts(self.at);
            let count = |thread: usize| counts.get(thread).copied().unwrap_or(0);
            expected.iter().enumerate().all(|(thread, lines)| count(thread) >= *lines)
        });
    }

    /// Waits until Envoy has read what was sent, if no line will say that it has.
    fn be_read(&self, step: usize) {
        if self.simulated.progress[step] == self.simulated.progress[step + 1] {
            let [clients, servers] = self.sent;
            self.envoy.wait(|| {
                self.envoy.bytes_read(self.at, true) >= clients
                    && self.envoy.bytes_read(self.at, false) >= servers
            });
        }
    }

    fn client_lines(&self) -> Vec<String> {
        self.clients.iter().map(|client| client.message().line()).collect()
    }

    fn server_lines(&self) -> Vec<String> {
        let messages = self.servers.iter().map(Peer::message);
        messages.filter(Message::has_content).map(|message| message.line()).collect()
    }

    fn accept(&mut self) -> Option<&mut Peer> {
        let peer = self.envoy.accept(self.case(), self.next_speaks_http())?;
        self.servers.push(peer);
        self.servers.last_mut()
    }

    fn take_waiting(&mut self) {
        self.servers.extend(self.envoy.waiting(self.next_speaks_http()));
    }

    /// Whether the next server speaks HTTP, as its client does.
    fn next_speaks_http(&self) -> bool {
        let client = self.clients.get(self.servers.len()).or(self.clients.last());
        !matches!(client, Some(Peer::Tcp(_)))
    }

    fn step(&mut self, step: &[String], number: usize) {
        let word = |at: usize| step.get(at).map_or("", String::as_str);
        match word(0) {
            "connect" => self.open(word(1).parse().unwrap_or(0)),
            "request" => self.request(&Request::new(step)),
            // The lines that come meanwhile are waited for, as after every step.
            "wait" => {}
            "pause" => {
                let duration = host_sim::parse_duration_ns(word(1)).expect("a duration");
                sleep(Duration::from_nanos(duration));
            }
            "stream" => self.current = word(1).parse().expect("a number"),
            "drain" => self.envoy.remove_listeners(self.at, 1),
            "remove" => self.envoy.remove_listeners(self.at, usize::MAX),
            "send" | "body" => self.send(Side::Client, number, |it| it.data(&bytes(word(1)))),
            "end" | "body-end" => self.send(Side::Client, number, Peer::end),
            "trailers" => self.send(Side::Client, number, |client| client.trailers(word(1))),
            "close" => {
                // What the client is given before is not to be lost.
                let expected = self.simulated.transcript.client.get(self.current);
                let is_there = || self.client_lines().get(self.current) == expected;
                self.envoy.wait(is_there);
                self.clients[self.current].close();
            }
            "respond" => self.respond((word(1), word(2)), false, number),
            "respond-empty" => self.respond((word(1), word(2)), true, number),
            "server" | "respond-body" => {
                self.send(Side::Server, number, |server| server.data(&bytes(word(1))));
            }
            "server-end" | "respond-end" => self.send(Side::Server, number, Peer::end),
            "respond-trailers" => self.send(Side::Server, number, |it| it.trailers(word(1))),
            "respond-close" => self.break_off(),
            unknown => panic!("no step is `{unknown}`"),
        }
    }

    fn open(&mut self, listener: usize) {
        let port = self.envoy.placed(self.at).ports[listener];
        self.add(Peer::Tcp(Wire::connect(port)), None);
    }

    fn add(&mut self, client: Peer, connection: Option<Connection>) {
        self.current = self.clients.len();
        self.clients.push(client);
        self.connections.push(connection);
    }

    fn request(&mut self, request: &Request<'_>) {
        let start = (request.method, request.path);
        if self.case().http2.clients {
            let port = self.envoy.placed(self.at).ports[request.listener];
            let shared = request.connection.and_then(|client| self.connections[client].clone());
            let connection = shared.unwrap_or_else(|| Connection::new(port));
            let stream = connection.request(start, request.headers, request.ends);
            return self.add(Peer::Http2(stream), Some(connection));
        }
        let wire = self.envoy.connect(self.at, request.listener, request.worker);
        let mut client = Peer::Http1(wire);
        self.sent[0] += client.request(start, request.headers, request.ends) as u64;
        self.add(client, None);
    }

    /// The server of the stream that the steps are about, if Envoy has come to it.
    fn server(&mut self) -> Option<&mut Peer> {
        let before = self.simulated.reached.iter().take(self.current);
        let number = before.filter(|reached| **reached).count();
        while self.servers.len() <= number {
            self.accept()?;
        }
        self.servers.get_mut(number)
    }

    fn send(&mut self, side: Side, step: usize, send: impl FnOnce(&mut Peer) -> usize) {
        let peer = match side {
            Side::Client => self.clients.get_mut(self.current),
            Side::Server => self.server(),
        };
        let count = peer.map_or(0, send);
        self.sent[side as usize] += count as u64;
        self.be_read(step);
    }

    fn respond(&mut self, (status, headers): (&str, &str), ends: bool, step: usize) {
        let envoy = self.envoy;
        self.send(Side::Server, step, |server| {
            envoy.wait(|| server.has_head());
            server.respond(status, headers, ends)
        });
    }

    /// The server goes away, once the client has what came before.
    fn break_off(&mut self) {
        let envoy = self.envoy;
        if let Some(server) = self.server() {
            envoy.wait(|| server.has_head());
            server.close();
        }
    }
}
