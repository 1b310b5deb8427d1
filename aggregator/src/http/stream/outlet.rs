//! The two ends of a stream's connection: the follower puts messages in, the socket takes them
//! out. Between them is room for one, so that a reader that stops is noticed.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Why nothing more can be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The reader has gone.
    Gone,
    /// The reader is there but takes nothing.
    Stalled,
}

/// Where messages go in.
pub(super) struct Outlet {
    messages: mpsc::Sender<Vec<u8>>,
    last: oneshot::Sender<Vec<u8>>,
    stall: Duration,
}

/// Makes an outlet that waits so long for its reader, and what comes out of it.
pub(super) fn pair(
    stall: Duration,
) -> (Outlet, impl Stream<Item = Result<Vec<u8>, Infallible>> + Send + 'static) {
    let (messages, taken) = mpsc::channel(1);
    let (last, last_taken) = oneshot::channel();
    let out = stream::unfold((taken, Some(last_taken)), |(mut taken, last)| async move {
        if let Some(message) = taken.recv().await {
            return Some((Ok(message), (taken, last)));
        }
        let message = last?.await.ok()?;
        Some((Ok(message), (taken, None)))
    });
    (Outlet { messages, last, stall }, out)
}

impl Outlet {
    /// Waits until there is room for a message, but not for ever.
    pub async fn send(&self, message: Vec<u8>) -> Result<(), Ended> {
        match timeout(self.stall, self.messages.send(message)).await {
            Ok(sent) => sent.map_err(|_| Ended::Gone),
            Err(_) => Err(Ended::Stalled),
        }
    }

    /// Waits until the reader has gone.
    pub async fn gone(&self) {
        self.messages.closed().await;
    }

    /// Leaves a last message, for when the reader should come back after all.
    pub fn end_with(self, message: Vec<u8>) {
        // If it has gone, there is nobody to tell.
        let _ = self.last.send(message);
    }
}
