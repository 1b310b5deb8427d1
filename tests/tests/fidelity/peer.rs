//! One end of a stream that the test plays on Envoy: a client, or the server behind the proxy. It
//! speaks plain TCP, HTTP/1.1 or HTTP/2, and the steps of a case do not mind which.

use super::http2;
use super::transcript::Message;
use super::wire::Wire;
use super::words::pairs;

/// Chunks of a body that come one by one.
const CHUNKED: &str = "transfer-encoding: chunked\r\n";

/// A client or a server of one stream.
pub enum Peer {
    /// Bytes.
    Tcp(Wire),
    /// HTTP/1.1, on a connection of its own.
    Http1(Wire),
    /// A stream of HTTP/2.
    Http2(http2::Stream),
}

impl Peer {
    /// What came so far.
    pub fn message(&self) -> Message {
        match self {
            Self::Tcp(wire) => wire.received().raw(),
            Self::Http1(wire) => wire.received().http(),
            Self::Http2(stream) => stream.message(),
        }
    }

    /// Whether the head of an HTTP message has come.
    pub fn has_head(&self) -> bool {
        self.message().start.is_some()
    }

    /// A client asks over HTTP/1.1. Gives how many bytes it sends, as all that follow do; over
    /// HTTP/2 nobody counts them.
    pub fn request(&mut self, (method, path): (&str, &str), headers: &str, ends: bool) -> usize {
        let framing = if ends { "" } else { CHUNKED };
        let headers = lines(headers);
        self.write(format!("{method} {path} HTTP/1.1\r\nhost: test\r\n{headers}{framing}\r\n"))
    }

    /// A server responds.
    pub fn respond(&mut self, status: &str, headers: &str, ends: bool) -> usize {
        if let Self::Http2(stream) = self {
            stream.respond(status, headers, ends);
            return 0;
        }
        let framing = if ends { "content-length: 0\r\n" } else { CHUNKED };
        self.write(format!("HTTP/1.1 {status} OK\r\n{framing}{}\r\n", lines(headers)))
    }

    /// Sends data: of a body, or of a connection.
    pub fn data(&mut self, data: &[u8]) -> usize {
        match self {
            Self::Tcp(_) => self.write(data),
            Self::Http1(_) => {
                let size = format!("{:x}\r\n", data.len());
                self.write([size.as_bytes(), data, b"\r\n"].concat())
            }
            Self::Http2(stream) => {
                stream.data(data, false);
                0
            }
        }
    }

    /// Sends the end.
    pub fn end(&mut self) -> usize {
        match self {
            Self::Tcp(wire) => {
                wire.end();
                0
            }
            Self::Http1(_) => self.write("0\r\n\r\n"),
            Self::Http2(stream) => {
                stream.data(b"", true);
                0
            }
        }
    }

    /// Sends trailers, and with them the end.
    pub fn trailers(&mut self, trailers: &str) -> usize {
        if let Self::Http2(stream) = self {
            stream.trailers(trailers);
            return 0;
        }
        self.write(format!("0\r\n{}\r\n", lines(trailers)))
    }

    /// Goes away before the end: closes the connection, or resets the stream.
    pub fn close(&mut self) {
        match self {
            Self::Tcp(wire) | Self::Http1(wire) => wire.close(),
            Self::Http2(stream) => stream.reset(),
        }
    }

    fn write(&mut self, bytes: impl AsRef<[u8]>) -> usize {
        let bytes = bytes.as_ref();
        if let Self::Tcp(wire) | Self::Http1(wire) = self {
            wire.write(bytes);
        }
        bytes.len()
    }
}

fn lines(headers: &str) -> String {
    pairs(headers).iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
}
