//! One case on Envoy: the test is its clients and the server behind the proxy, and goes on to the
//! next step when Envoy has done what it is expected to do with the last one.

use std::thread::sleep;
use std::time::Duration;

use flow_tests::deadline::poll;

use super::real::Envoy;
use super::simulated::Simulated;
use super::transcript::Message;
use super::wire::Wire;
use super::words::{bytes, pairs};

/// Chunks of a body that come one by one.
const CHUNKED: &str = "transfer-encoding: chunked\r\n";

/// How long a connection from Envoy may take.
const ACCEPT_PATIENCE: Duration = Duration::from_secs(10);

/// How long a server that is not expected may take.
const DIFFERENCE_PATIENCE: Duration = Duration::from_secs(1);

/// A case while it runs.
pub struct Conversation<'a> {
    envoy: &'a Envoy<'a>,
    at: usize,
    simulated: &'a Simulated,
    /// Each with whether it speaks HTTP.
    clients: Vec<(Wire, bool)>,
    servers: Vec<Wire>,
    /// The stream that the steps are about.
    current: usize,
    /// What Envoy is to have read of clients and of servers, in bytes.
    sent: [u64; 2],
}

impl<'a> Conversation<'a> {
    /// The case of this number.
    pub fn new(envoy: &'a Envoy<'a>, at: usize, simulated: &'a Simulated) -> Self {
        let sent = [envoy.bytes_read(at, true), envoy.bytes_read(at, false)];
        Self { envoy, at, simulated, clients: Vec::new(), servers: Vec::new(), current: 0, sent }
    }

    /// Runs all of it; gives what the clients and the servers were given.
    pub fn run(mut self) -> (Vec<String>, Vec<String>) {
        self.keep_up(0);
        let steps = self.envoy.placed(self.at).case.steps.clone();
        for (number, step) in steps.iter().enumerate() {
            self.step(step, number);
            self.keep_up(number + 1);
        }
        if self.is_logger() {
            self.keep_up(steps.len() + 1);
            return (Vec::new(), Vec::new());
        }
        // What the other side was given may still be under way.
        let expected = &self.simulated.transcript;
        while self.servers.len() < expected.server.len() && self.accept().is_some() {}
        self.servers.extend(self.envoy.upstream.waiting());
        if self.envoy.placed(self.at).case.differs.is_some() {
            self.await_difference();
        } else {
            self.envoy.wait(|| {
                self.client_lines() == expected.client && self.server_lines() == expected.server
            });
        }
        let given = (self.client_lines(), self.server_lines());
        self.clients.iter_mut().for_each(|(wire, _)| wire.close());
        self.keep_up(steps.len() + 1);
        self.servers.iter_mut().for_each(Wire::close);
        given
    }

    /// Gives a difference that is meant the time to show; it may be elsewhere.
    fn await_difference(&mut self) {
        let expected = &self.simulated.transcript;
        let _ = poll(DIFFERENCE_PATIENCE, || {
            self.servers.extend(self.envoy.upstream.waiting());
            if self.server_lines() == expected.server { Err(String::new()) } else { Ok(()) }
        });
    }

    fn is_logger(&self) -> bool {
        self.envoy.placed(self.at).case.kinds[0].ends_with("_logger")
    }

    /// Waits until the guest has logged as many lines as it does in the simulator.
    fn keep_up(&self, step: usize) {
        let (main, worker) = self.simulated.progress[step];
        self.envoy.wait(|| {
            let (on_main, on_worker) = self.envoy.line_counts(self.at);
            on_main >= main && on_worker >= worker
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
        self.clients.iter().map(|(wire, is_http)| message(wire, *is_http).line()).collect()
    }

    fn server_lines(&self) -> Vec<String> {
        let is_http =
            |at: usize| self.clients.get(at).or(self.clients.last()).is_some_and(|it| it.1);
        let servers = self.servers.iter().enumerate();
        let messages = servers.map(|(at, wire)| message(wire, is_http(at)));
        messages.filter(Message::has_content).map(|message| message.line()).collect()
    }

    fn accept(&mut self) -> Option<&mut Wire> {
        let wire = self.envoy.upstream.accept(ACCEPT_PATIENCE)?;
        self.servers.push(wire);
        self.servers.last_mut()
    }

    fn step(&mut self, step: &[String], number: usize) {
        let word = |at: usize| step.get(at).map_or("", String::as_str);
        let chunk = |text: &str| {
            let data = bytes(text);
            [format!("{:x}\r\n", data.len()).into_bytes(), data, b"\r\n".to_vec()].concat()
        };
        match word(0) {
            "connect" => self.open(word(1), false),
            "request" => self.request(word(1), word(2), word(3)),
            // The lines that come meanwhile are waited for, as after every step.
            "wait" => {}
            "pause" => {
                let duration = host_sim::parse_duration_ns(word(1)).expect("a duration");
                sleep(Duration::from_nanos(duration));
            }
            "stream" => self.current = word(1).parse().expect("a number"),
            "drain" => self.envoy.remove_listeners(self.at, 1),
            "remove" => self.envoy.remove_listeners(self.at, usize::MAX),
            "send" => self.client_sends(&bytes(word(1)), number),
            "body" => self.client_sends(&chunk(word(1)), number),
            "end" => self.client().end(),
            "body-end" => self.client_sends(b"0\r\n\r\n", number),
            "trailers" => self.client_sends(&last_chunk(word(1)), number),
            "close" => {
                // What the client is given before is not to be lost.
                let expected = self.simulated.transcript.client.get(self.current);
                let is_there = || self.client_lines().get(self.current) == expected;
                self.envoy.wait(is_there);
                self.client().close();
            }
            "respond" => self.respond(word(1), CHUNKED, word(2), number),
            "respond-empty" => self.respond(word(1), "content-length: 0\r\n", word(2), number),
            "server" => self.server_sends(&bytes(word(1)), number),
            "respond-body" => self.server_sends(&chunk(word(1)), number),
            "server-end" => self.server().into_iter().for_each(Wire::end),
            "respond-end" => self.server_sends(b"0\r\n\r\n", number),
            "respond-trailers" => self.server_sends(&last_chunk(word(1)), number),
            unknown => panic!("no step is `{unknown}`"),
        }
    }

    fn open(&mut self, listener: &str, is_http: bool) {
        let at: usize = listener.parse().unwrap_or(0);
        let port = self.envoy.placed(self.at).ports[at];
        self.current = self.clients.len();
        self.clients.push((Wire::connect(port), is_http));
    }

    fn request(&mut self, method: &str, path: &str, more: &str) {
        let (more, listener) = match more.strip_prefix("listener=") {
            Some(listener) => ("", listener),
            None => (more, ""),
        };
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\n");
        head.push_str(&lines(more));
        if method != "GET" {
            head.push_str(CHUNKED);
        }
        head.push_str("\r\n");
        self.open(listener, true);
        self.sent[0] += head.len() as u64;
        self.client().write(head.as_bytes());
    }

    fn client(&mut self) -> &mut Wire {
        &mut self.clients.get_mut(self.current).expect("a client has come").0
    }

    /// The server of the stream that began last, if Envoy has come to it.
    fn server(&mut self) -> Option<&mut Wire> {
        let before = self.simulated.reached.iter().take(self.current);
        let number = before.filter(|reached| **reached).count();
        while self.servers.len() <= number {
            self.accept()?;
        }
        self.servers.get_mut(number)
    }

    fn client_sends(&mut self, data: &[u8], step: usize) {
        self.sent[0] += data.len() as u64;
        self.client().write(data);
        self.be_read(step);
    }

    fn server_sends(&mut self, data: &[u8], step: usize) {
        self.sent[1] += data.len() as u64;
        if let Some(server) = self.server() {
            server.write(data);
        }
        self.be_read(step);
    }

    fn respond(&mut self, status: &str, framing: &str, more: &str, step: usize) {
        let head = format!("HTTP/1.1 {status} OK\r\n{framing}{}\r\n", lines(more));
        let envoy = self.envoy;
        if let Some(server) = self.server() {
            envoy.wait(|| server.received().has_head());
        }
        self.server_sends(head.as_bytes(), step);
    }
}

fn message(wire: &Wire, is_http: bool) -> Message {
    if is_http { wire.received().http() } else { wire.received().raw() }
}

fn lines(headers: &str) -> String {
    pairs(headers).iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
}

fn last_chunk(trailers: &str) -> Vec<u8> {
    format!("0\r\n{}\r\n", lines(trailers)).into_bytes()
}
