//! `RequestBody`: a body that must arrive in time, and for which there must be room.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use super::pulse::Flight;
use crate::limits::MIN_BODY_RATE;

/// Why a body is not read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyFault {
    #[error("the body arrives too slowly")]
    TooSlow,
    #[error("too many requests arrive at the same time; try again")]
    TooMany,
}

impl BodyFault {
    /// The fault behind an error that a handler got from its body.
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut error = Some(error);
        while let Some(cause) = error {
            if let Some(fault) = cause.downcast_ref() {
                return Some(*fault);
            }
            error = cause.source();
        }
        None
    }
}

/// What arrives, under a deadline.
pub(super) struct RequestBody {
    incoming: Incoming,
    flight: Arc<Flight>,
    received: usize,
    /// Set when the client is first waited for: most bodies come with their heads.
    deadline: Option<Deadline>,
}

struct Deadline {
    started: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl RequestBody {
    pub fn new(incoming: Incoming, flight: Arc<Flight>) -> Self {
        Self { incoming, flight, received: 0, deadline: None }
    }

    /// Whether the client has been waited for long enough.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        let timeout = self.flight.pulse.edge.timeouts.body;
        let deadline = self.deadline.get_or_insert_with(|| Deadline {
            started: Instant::now(),
            alarm: Box::pin(sleep(timeout)),
        });
        while deadline.alarm.as_mut().poll(context).is_ready() {
            let allowed = deadline.started + allowance(timeout, self.received);
            if Instant::now() >= allowed {
                return true;
            }
            deadline.alarm.as_mut().reset(allowed);
        }
        false
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if !self.incoming.is_end_stream() {
            self.flight.pulse.leave_unread();
        }
    }
}

/// How long a body may have taken that has arrived so far.
fn allowance(timeout: Duration, received: usize) -> Duration {
    timeout + Duration::from_millis((received as u64).saturating_mul(1_000) / MIN_BODY_RATE as u64)
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let count = frame.data_ref().map_or(0, Bytes::len);
                self.received = self.received.saturating_add(count);
                if self.flight.received(count) {
                    Poll::Ready(Some(Ok(frame)))
                } else {
                    Poll::Ready(Some(Err(BodyFault::TooMany.into())))
                }
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending if self.is_late(context) => {
                Poll::Ready(Some(Err(BodyFault::TooSlow.into())))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{BODY_TIMEOUT, MAX_BODY_BYTES};

    #[test]
    fn a_body_that_moves_on_gets_more_time_and_never_for_ever() {
        assert_eq!(allowance(BODY_TIMEOUT, 0), BODY_TIMEOUT);
        let second = Duration::from_secs(1);
        assert_eq!(allowance(BODY_TIMEOUT, MIN_BODY_RATE), BODY_TIMEOUT + second);
        assert!(allowance(BODY_TIMEOUT, MAX_BODY_BYTES) < 300 * second);
    }

    #[test]
    fn a_fault_is_found_behind_what_wraps_it() {
        let inner: Box<dyn Error + Send + Sync> = BodyFault::TooSlow.into();
        let wrapped = axum::Error::new(axum::Error::new(inner));
        assert_eq!(BodyFault::of(&wrapped), Some(BodyFault::TooSlow));
        assert_eq!(BodyFault::of(&axum::Error::new(std::fmt::Error)), None);
    }
}
