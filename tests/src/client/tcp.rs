//! TCP connections through the frontend's sidecar.

use std::net::TcpStream;

use super::connect;
use crate::app::exchange;
use crate::bytes::Bytes;

/// A connection that stays open until it is dropped.
pub struct TcpConnection(TcpStream);

impl TcpConnection {
    /// Connects to the listener on `port`.
    pub fn open(port: u16) -> Self {
        Self(connect(port))
    }

    /// Sends `sent` bytes of payload and has `wanted` bytes answered. Returns what went over the
    /// connection, the protocol's own header included.
    pub fn exchange(&mut self, sent: usize, wanted: usize) -> Bytes {
        let (tx, rx) = exchange(&mut &self.0, &mut &self.0, sent, wanted);
        Bytes::new(tx, rx)
    }
}
