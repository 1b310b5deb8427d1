//! TCP connections through the frontend's sidecar.

use std::net::TcpStream;
use std::time::Duration;

use crate::app::exchange;
use crate::bytes::Bytes;

/// A connection that stays open until it is dropped.
pub struct TcpConnection(TcpStream);

impl TcpConnection {
    /// Connects to the listener on `port`.
    pub fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port))
            .unwrap_or_else(|error| panic!("the sidecar takes no connection: {error}"));
        stream.set_nodelay(true).expect("a socket has options");
        let limit = Some(Duration::from_secs(30));
        stream.set_read_timeout(limit).expect("a socket has time limits");
        Self(stream)
    }

    /// Sends `sent` bytes of payload and has `wanted` bytes answered. Returns what went over the
    /// connection, the protocol's own header included.
    pub fn exchange(&mut self, sent: usize, wanted: usize) -> Bytes {
        let (tx, rx) = exchange(&mut self.0, sent, wanted);
        Bytes::new(tx, rx)
    }
}
