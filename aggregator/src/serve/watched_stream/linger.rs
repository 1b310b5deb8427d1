//! `Linger`: takes in what a client goes on sending after its answer, and throws it away, until the
//! client ends, too, or has had its time.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::limits::{LINGER_BYTES, LINGER_TIMEOUT};

pub(super) struct Linger {
    left_bytes: usize,
    alarm: Pin<Box<Sleep>>,
}

impl Linger {
    pub fn new() -> Self {
        Self { left_bytes: LINGER_BYTES, alarm: Box::pin(sleep(LINGER_TIMEOUT)) }
    }

    /// Ready when the socket can be closed.
    pub fn poll(&mut self, stream: &mut TcpStream, context: &mut Context<'_>) -> Poll<()> {
        if self.alarm.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let mut space = [0; 4_096];
        while self.left_bytes > 0 {
            let mut buffer = ReadBuf::new(&mut space);
            match Pin::new(&mut *stream).poll_read(context, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.left_bytes = self.left_bytes.saturating_sub(buffer.filled().len());
                }
                Poll::Ready(_) => break,
            }
        }
        Poll::Ready(())
    }
}
