//! `WatchedStream`: a socket whose writes are taken note of, and that ends so that its client can tell
//! how. It is reset if what it was sending broke off: a client of HTTP/1.0 takes a connection that is
//! merely closed for the end of the answer. And it is closed only when the client has seen that
//! nobody reads the rest of its body: else the answer could be lost to a reset.

mod linger;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use self::linger::Linger;
use super::pulse::Pulse;

/// A stream, and where its progress is noted.
pub(super) struct WatchedStream {
    stream: TcpStream,
    pulse: Arc<Pulse>,
    /// Since the answer has ended, if the client may not know yet.
    linger: Option<Linger>,
}

impl WatchedStream {
    pub fn new(stream: TcpStream, pulse: Arc<Pulse>) -> Self {
        Self { stream, pulse, linger: None }
    }
}

impl Drop for WatchedStream {
    fn drop(&mut self) {
        if self.pulse.has_broken_off()
            && let Err(error) = self.stream.set_zero_linger()
        {
            log::debug!("a connection could not be reset: {error}");
        }
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.pulse.wrote(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.pulse.wrote(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, pulse, linger } = &mut *self;
        let linger = match linger {
            Some(linger) => linger,
            None => {
                ready!(Pin::new(&mut *stream).poll_shutdown(context))?;
                if !pulse.has_left_unread() {
                    return Poll::Ready(Ok(()));
                }
                linger.insert(Linger::new())
            }
        };
        linger.poll(stream, context).map(Ok)
    }
}
