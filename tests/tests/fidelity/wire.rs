//! A connection of the test: what is written on it at once, what came over it so far, and an HTTP/1
//! message read from that.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::transcript::Message;

/// What came over a connection.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether the peer has ended its side, or the connection is gone.
    pub ended: bool,
}

/// A connection, which a thread reads.
pub struct Wire {
    stream: TcpStream,
    received: Arc<Mutex<Received>>,
}

impl Wire {
    /// Reads this connection from now on.
    pub fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a socket has options");
        let received = Arc::new(Mutex::new(Received::default()));
        let (shared, mut reader) = (Arc::clone(&received), stream.try_clone().expect("shared"));
        thread::spawn(move || {
            let mut chunk = [0; 16_384];
            loop {
                let read = reader.read(&mut chunk).unwrap_or(0);
                let mut received = shared.lock().expect("nobody panics");
                received.bytes.extend_from_slice(&chunk[..read]);
                received.ended |= read == 0;
                if read == 0 {
                    return;
                }
            }
        });
        Self { stream, received }
    }

    /// Connects to a port.
    pub fn connect(port: u16) -> Self {
        Self::try_connect(port).expect("Envoy takes connections")
    }

    /// Connects to a port, if somebody listens there.
    pub fn try_connect(port: u16) -> Option<Self> {
        TcpStream::connect(("127.0.0.1", port)).ok().map(Self::new)
    }

    /// Writes; a peer that is gone is not an error here, but seen in what came of it.
    pub fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Says that no more is written.
    pub fn end(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Closes both sides.
    pub fn close(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// What came so far.
    pub fn received(&self) -> Received {
        self.received.lock().expect("nobody panics").clone()
    }
}

impl Received {
    /// As the bytes of a connection.
    pub fn raw(self) -> Message {
        Message { body: self.bytes, complete: self.ended, ..Message::default() }
    }

    /// As an HTTP/1 message.
    pub fn http(&self) -> Message {
        let end = self.bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let Some(end) = end else { return Message::default() };
        let head = String::from_utf8_lossy(&self.bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let start = lines.next().unwrap_or_default();
        let words: Vec<&str> = start.split(' ').collect();
        let is_response = start.starts_with("HTTP/");
        let start = match is_response {
            true => words[1].to_owned(),
            false => words[..2].join(" "),
        };
        let headers: Vec<(String, String)> = lines.map(header).collect();
        let mut message = Message { start: Some(start), headers, ..Message::default() };
        self.read_body(&self.bytes[end + 4..], is_response, &mut message);
        message
    }

    fn read_body(&self, rest: &[u8], is_response: bool, message: &mut Message) {
        let header = |name| {
            let found = message.headers.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.as_str())
        };
        if header("transfer-encoding") == Some("chunked") {
            return read_chunks(rest, message);
        }
        let length = header("content-length").and_then(|length| length.parse().ok());
        let is_bare = ["204", "304"].contains(&message.start.as_deref().unwrap_or_default());
        message.body = rest.to_vec();
        message.complete = match length {
            Some(length) => rest.len() >= length,
            None => !is_response || is_bare || self.ended,
        };
    }
}

fn header(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    (name.to_ascii_lowercase(), value.trim().to_owned())
}

fn read_chunks(mut rest: &[u8], message: &mut Message) {
    let line_end = |bytes: &[u8]| bytes.windows(2).position(|window| window == b"\r\n");
    while let Some(end) = line_end(rest) {
        let size = std::str::from_utf8(&rest[..end]).ok();
        let size = size.and_then(|size| usize::from_str_radix(size, 16).ok());
        let Some(size) = size else { return };
        rest = &rest[end + 2..];
        if size == 0 {
            break;
        }
        if rest.len() < size + 2 {
            message.body.extend_from_slice(rest);
            return;
        }
        message.body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
        if line_end(rest).is_none() {
            return;
        }
    }
    while let Some(end) = line_end(rest) {
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 2..];
        if line.is_empty() {
            message.complete = true;
            return;
        }
        message.trailers.push(header(&line));
    }
}
