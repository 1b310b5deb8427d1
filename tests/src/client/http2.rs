//! An HTTP/2 stream as gRPC uses one: a request and its answer that stay open while messages go
//! both ways. Frames by RFC 9113, headers as literals by RFC 7541.

use std::io::{self, Error, Read, Write};
use std::net::TcpStream;

use super::connect;
use crate::app::exchange;
use crate::bytes::Bytes;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The only stream of its connection. All that is sent on it, and all that is answered, must fit
/// the window that a connection begins with, 65,535 bytes: neither side is asked to enlarge it.
pub struct Http2Stream {
    connection: TcpStream,
    /// What has come of the answer's body, and was not read yet.
    received: Vec<u8>,
    is_answered: bool,
}

impl Http2Stream {
    /// Begins a request to the listener on `port`.
    pub fn open(port: u16) -> Self {
        let mut stream = Self::on(connect(port));
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        stream.connection.write_all(preface).expect("the sidecar takes a connection");
        stream.send(SETTINGS, 0, 0, &[]).expect("the sidecar takes settings");
        let head = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/exchange"),
            (":authority", "backend"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ];
        let block: Vec<u8> = head.into_iter().flat_map(literal).collect();
        stream.send(HEADERS, END_HEADERS, 1, &block).expect("the sidecar takes a request");
        stream
    }

    /// Sends `sent` bytes of payload and has `wanted` bytes answered. Returns how much longer the
    /// two bodies are.
    pub fn exchange(&mut self, sent: usize, wanted: usize) -> Bytes {
        let connection = self.connection.try_clone().expect("a socket can be shared");
        let mut writer = Self::on(connection);
        let (tx, rx) = exchange(self, &mut writer, sent, wanted);
        Bytes::new(tx, rx)
    }

    /// Ends the request, and waits for the end of the answer.
    pub fn finish(mut self) {
        self.send(DATA, END_STREAM, 1, &[]).expect("the sidecar takes the end of a request");
        let rest = self.read_to_end(&mut Vec::new()).expect("the answer ends in order");
        assert_eq!(rest, 0, "nobody asked for more");
    }

    fn on(connection: TcpStream) -> Self {
        Self { connection, received: Vec::new(), is_answered: false }
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).map_err(Error::other)?.to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.connection.write_all(&frame)
    }

    /// Takes in the next frame: its bytes, if they are the body's.
    fn receive(&mut self) -> io::Result<()> {
        let mut head = [0; 9];
        self.connection.read_exact(&mut head)?;
        let [a, b, c, kind, flags, ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.connection.read_exact(&mut payload)?;
        self.is_answered |= matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0;
        match kind {
            DATA => self.received.extend(payload),
            SETTINGS | PING if flags & ACK == 0 => {
                let echoed = if kind == PING { &payload[..] } else { &[] };
                self.send(kind, ACK, 0, echoed)?;
            }
            _ => {}
        }
        Ok(())
    }
}

impl Read for Http2Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.received.is_empty() && !self.is_answered {
            self.receive()?;
        }
        let size = buffer.len().min(self.received.len());
        buffer[..size].copy_from_slice(&self.received[..size]);
        self.received.drain(..size);
        Ok(size)
    }
}

impl Write for Http2Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        /// The largest frame that every peer takes.
        const MAX_FRAME_BYTES: usize = 16_384;
        let size = bytes.len().min(MAX_FRAME_BYTES);
        self.send(DATA, 0, 1, &bytes[..size])?;
        Ok(size)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A header that neither side is to remember, in RFC 7541, 6.2.2.
fn literal((name, value): (&str, &str)) -> Vec<u8> {
    let text = |text: &str| {
        // A length below 127 is one byte.
        let length = u8::try_from(text.len()).expect("headers here are short");
        [&[length], text.as_bytes()].concat()
    };
    [vec![0], text(name), text(value)].concat()
}
