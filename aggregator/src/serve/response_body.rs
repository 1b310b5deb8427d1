//! `ResponseBody`: an answer whose client must come for it, piece by piece. What an answer holds,
//! as a snapshot, is not held for a client that does not.
//!
//! The socket does not tell this alone: in HTTP/2 a client can leave one stream's window shut, and
//! take everything else.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use hyper::body::{Body as _, Frame, SizeHint};

use super::pulse::Flight;

/// An answer's body.
pub(super) struct ResponseBody {
    body: Body,
    /// The request, while its answer is watched.
    flight: Option<Arc<Flight>>,
}

impl ResponseBody {
    /// Most answers are one piece, and in HTTP/1 that is with the socket at once: only others are
    /// watched.
    pub fn new(body: Body, flight: Arc<Flight>, multiplexed: bool) -> Self {
        let in_one_piece = body.size_hint().exact().is_some();
        if in_one_piece && !multiplexed || body.is_end_stream() {
            return Self { body, flight: None };
        }
        flight.watch();
        Self { body, flight: Some(flight) }
    }
}

impl hyper::body::Body for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let outcome = Pin::new(&mut this.body).poll_frame(context);
        let Some(flight) = &this.flight else { return outcome };
        match &outcome {
            Poll::Ready(Some(Ok(_))) => flight.offer(),
            Poll::Ready(_) => this.flight = None,
            Poll::Pending => flight.asked(),
        }
        outcome
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
