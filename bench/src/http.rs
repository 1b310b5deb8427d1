//! A client that costs next to nothing: one kept-alive connection, HTTP/1.1, blocking, requests
//! that are ready to be sent. It knows as much of HTTP as `fas` uses.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::failure::{Doing, Failure, Result};

/// The longest wait for a part of an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The size of the first read, and of the largest when a whole hour comes.
const READ_BYTES: std::ops::RangeInclusive<usize> = 4_096..=256 * 1_024;

/// A connection to `fas`.
pub struct Connection {
    stream: TcpStream,
    /// What has been read and not used, from `start` on.
    buffer: Vec<u8>,
    start: usize,
    read_bytes: usize,
}

/// An answer without its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// Whether there is a `retry-after`.
    pub has_retry_after: bool,
    length: Length,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Known(usize),
    Chunked,
}

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).doing("connecting")?;
        stream.set_nodelay(true).doing("setting up a connection")?;
        stream.set_read_timeout(Some(PATIENCE)).doing("setting up a connection")?;
        stream.set_write_timeout(Some(PATIENCE)).doing("setting up a connection")?;
        Ok(Self { stream, buffer: Vec::new(), start: 0, read_bytes: *READ_BYTES.start() })
    }

    /// Sends a request and passes its answer's body over.
    pub fn send(&mut self, request: &[u8]) -> Result<Head> {
        self.stream(request, |_| {})
    }

    /// Sends a request and shows its answer's body piece by piece.
    pub fn stream(&mut self, request: &[u8], mut show: impl FnMut(&[u8])) -> Result<Head> {
        self.stream.write_all(request).doing("sending a request")?;
        let head = self.head()?;
        match head.length {
            Length::Known(length) => self.body(length, &mut show)?,
            Length::Chunked => self.chunks(&mut show)?,
        }
        Ok(head)
    }

    fn head(&mut self) -> Result<Head> {
        let mut status = None;
        let mut head = Head { status: 0, has_retry_after: false, length: Length::Known(0) };
        loop {
            let line = self.line()?;
            let Some(code) = status else {
                status = Some(parse_status(&line)?);
                continue;
            };
            if line.is_empty() {
                return Ok(Head { status: code, ..head });
            }
            take_header(&mut head, &line)?;
        }
    }

    fn chunks(&mut self, show: &mut impl FnMut(&[u8])) -> Result<()> {
        loop {
            let line = self.line()?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).doing("reading a chunk's size")?;
            self.body(size, show)?;
            // The line that ends the chunk, or, without trailers, the whole.
            self.line()?;
            if size == 0 {
                return Ok(());
            }
        }
    }

    fn body(&mut self, mut length: usize, show: &mut impl FnMut(&[u8])) -> Result<()> {
        while length > 0 {
            if self.start == self.buffer.len() {
                self.fill()?;
            }
            let ready = self.buffer.get(self.start..).unwrap_or_default();
            let piece = ready.get(..length.min(ready.len())).unwrap_or_default();
            show(piece);
            length -= piece.len();
            self.start += piece.len();
        }
        Ok(())
    }

    /// The next line, without its end.
    fn line(&mut self) -> Result<String> {
        let mut searched = 0;
        loop {
            let ready = self.buffer.get(self.start..).unwrap_or_default();
            let fresh = ready.get(searched..).unwrap_or_default();
            if let Some(at) = fresh.iter().position(|byte| *byte == b'\n') {
                let line = ready.get(..searched + at).unwrap_or_default();
                let line = String::from_utf8_lossy(line).trim_end().to_owned();
                self.start += searched + at + 1;
                return Ok(line);
            }
            searched = ready.len();
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let used = self.buffer.len();
        self.buffer.resize(used + self.read_bytes, 0);
        let free = self.buffer.get_mut(used..).unwrap_or_default();
        let outcome = loop {
            match self.stream.read(free) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                outcome => break outcome,
            }
        };
        let count = *outcome.as_ref().unwrap_or(&0);
        self.buffer.truncate(used + count);
        outcome.doing("reading an answer")?;
        if count == 0 {
            return Err(Failure::new("the connection was closed before the answer's end"));
        }
        if count == self.read_bytes {
            self.read_bytes = (2 * count).min(*READ_BYTES.end());
        }
        Ok(())
    }
}

fn parse_status(line: &str) -> Result<u16> {
    let code = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    code.ok_or_else(|| Failure::new(format!("this is no HTTP answer: {line:?}")))
}

fn take_header(head: &mut Head, line: &str) -> Result<()> {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    match name.to_ascii_lowercase().as_str() {
        "content-length" => {
            let length = value.trim().parse().doing("reading content-length")?;
            head.length = Length::Known(length);
        }
        "transfer-encoding" => head.length = Length::Chunked,
        "retry-after" => head.has_retry_after = true,
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// What the client makes of two answers on one connection, sent in pieces of one byte.
    #[test]
    fn answers_are_told_apart_however_they_arrive() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let answers = "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\ncontent-length: 2\r\n\r\nno\
                           HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                           3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
            for byte in answers.as_bytes() {
                stream.write_all(&[*byte]).unwrap();
            }
            let _ = stream.read(&mut [0; 100]);
        });
        let mut connection = Connection::open(address).unwrap();
        let mut body = Vec::new();
        let mut ask = || connection.stream(b"x", |piece| body.extend_from_slice(piece));
        let heads = [ask().unwrap(), ask().unwrap()];
        server.join().unwrap();
        assert!(ask().is_err());
        assert_eq!(
            heads.map(|head| (head.status, head.has_retry_after)),
            [(503, true), (200, false)]
        );
        assert_eq!(body, b"noabcd");
    }
}
