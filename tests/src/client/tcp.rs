//! TCP connections through the frontend's sidecar.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use super::connect;
use crate::app::{exchange, read_answer, request};
use crate::bytes::Bytes;
use crate::payload::check;

/// A connection that stays open until it is dropped.
pub struct TcpConnection(TcpStream);

impl TcpConnection {
    /// Connects to the listener on `port`.
    pub fn open(port: u16) -> Self {
        Self(connect(port))
    }

    /// Connects to an HTTP listener on `port`, and has the connection upgraded.
    pub fn upgrade(port: u16) -> Self {
        let mut stream = connect(port);
        let head = "GET / HTTP/1.1\r\nhost: backend\r\nconnection: upgrade\r\n\
                    upgrade: websocket\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("the sidecar takes a request");
        let mut answer = Vec::new();
        // Byte by byte: what follows the head is not HTTP any more.
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("the sidecar answers");
            answer.extend(byte);
        }
        assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
        Self(stream)
    }

    /// Sends `sent` bytes of payload and has `wanted` bytes answered. Returns what went over the
    /// connection, the protocol's own header included.
    pub fn exchange(&mut self, sent: usize, wanted: usize) -> Bytes {
        let (tx, rx) = exchange(&mut &self.0, &mut &self.0, sent, wanted);
        Bytes::new(tx, rx)
    }

    /// Sends bytes of requests as they are, see [`request`](crate::app::request). What they want
    /// answered is left to [`TcpConnection::answer`].
    pub fn send(&mut self, bytes: &[u8]) -> Bytes {
        self.0.write_all(bytes).expect("the sidecar takes bytes");
        Bytes::new(bytes.len(), 0)
    }

    /// The same on a connection that may be broken: none if it is.
    pub fn try_exchange(&mut self, sent: usize, wanted: usize) -> Option<Bytes> {
        let request = request(sent, wanted);
        self.0.write_all(&request).ok()?;
        let mut answer = vec![0; wanted];
        self.0.read_exact(&mut answer).ok()?;
        check(&answer, wanted);
        Some(Bytes::new(request.len(), wanted))
    }

    /// Says that no more is sent.
    pub fn end(&mut self) {
        self.0.shutdown(Shutdown::Write).expect("the connection is open");
    }

    /// Reads the answer to a request that wanted so many bytes.
    pub fn answer(&mut self, wanted: usize) -> Bytes {
        Bytes::new(0, read_answer(&mut self.0, wanted))
    }
}
