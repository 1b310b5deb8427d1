//! A TCP server with a protocol of its own, so that Envoy can only proxy its bytes.
//!
//! A request is two big-endian `u32`, the sizes of its payload and of the wanted answer, and the
//! payload; the answer is as many bytes of the payload pattern. A connection carries any number.

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

fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut header = [0; HEADER_BYTES];
    loop {
        // An orderly end also comes here, as an end of file that ends the connection.
        stream.read_exact(&mut header)?;
        let [a, b, c, d, e, f, g, h] = header;
        let mut body = vec![0; u32::from_be_bytes([a, b, c, d]) as usize];
        stream.read_exact(&mut body)?;
        check(&body, body.len());
        stream.write_all(&payload(u32::from_be_bytes([e, f, g, h]) as usize))?;
    }
}

/// Sends one request, reads its answer, checks it, and returns the sizes of both.
pub fn exchange(stream: &mut TcpStream, sent: usize, wanted: usize) -> (usize, usize) {
    let size = |bytes: usize| u32::try_from(bytes).expect("sizes fit 32 bits").to_be_bytes();
    let request = [&size(sent)[..], &size(wanted)[..], &payload(sent)].concat();
    stream.write_all(&request).expect("the sidecar takes the request");
    let mut answer = vec![0; wanted];
    stream.read_exact(&mut answer).expect("the app answers");
    check(&answer, wanted);
    (request.len(), wanted)
}
