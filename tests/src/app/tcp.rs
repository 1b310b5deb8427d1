//! A TCP server with a protocol of its own, so that Envoy can only proxy its bytes.
//!
//! A request is two big-endian `u32`, the sizes of its payload and of the wanted answer, and the
//! payload; the answer is as many bytes of the payload pattern. A connection carries any number.
//! So does a body of HTTP that is sent in pieces.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use super::Server;
use crate::payload::{check, payload};

/// The bytes of a request before its payload.
pub const HEADER_BYTES: usize = 8;

/// The server; it stops when dropped.
pub struct TcpApp(#[expect(dead_code, reason = "held for its drop")] Server);

impl TcpApp {
    /// Starts to serve on `port`.
    pub fn start(port: u16) -> Self {
        Self(Server::start(port, serve))
    }
}

fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    answer(&mut &stream, &mut &stream)
}

/// Answers requests until there are no more.
pub fn answer(reader: &mut impl Read, writer: &mut impl Write) -> io::Result<()> {
    let mut header = [0; HEADER_BYTES];
    loop {
        match reader.read_exact(&mut header) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            outcome => outcome?,
        }
        let [a, b, c, d, e, f, g, h] = header;
        let mut body = vec![0; u32::from_be_bytes([a, b, c, d]) as usize];
        reader.read_exact(&mut body)?;
        check(&body, body.len());
        writer.write_all(&payload(u32::from_be_bytes([e, f, g, h]) as usize))?;
    }
}

/// Sends one request, reads its answer, checks it, and returns the sizes of both.
pub fn exchange(
    reader: &mut impl Read,
    writer: &mut impl Write,
    sent: usize,
    wanted: usize,
) -> (usize, usize) {
    let request = request(sent, wanted);
    writer.write_all(&request).expect("the sidecar takes the request");
    (request.len(), read_answer(reader, wanted))
}

/// The bytes of one request.
pub fn request(sent: usize, wanted: usize) -> Vec<u8> {
    let size = |bytes: usize| u32::try_from(bytes).expect("sizes fit 32 bits").to_be_bytes();
    [&size(sent)[..], &size(wanted)[..], &payload(sent)].concat()
}

/// Reads an answer of `wanted` bytes, checks it, and returns its size.
pub fn read_answer(reader: &mut impl Read, wanted: usize) -> usize {
    let mut answer = vec![0; wanted];
    reader.read_exact(&mut answer).expect("the app answers");
    check(&answer, wanted);
    wanted
}
