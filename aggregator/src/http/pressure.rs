//! `Pressure`: whether requests come faster than they can be answered, and who is sent away then.
//!
//! Writes that are under way are counted. And while there are requests, a task sleeps a little
//! again and again: by how much it is late is how long everything waits for a thread.
//!
//! A refusal costs half of what a write does, and who is refused at once comes again at once: then
//! there is time for little else. So the answer is held back for a moment, in which the client
//! sends nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::http::StatusCode;

use super::problem::Problem;
use crate::limits::{LAG_PROBE, MAX_LAG, MAX_WRITES_IN_FLIGHT, REFUSAL_PAUSE};
use crate::metrics::Metrics;

pub(crate) struct Pressure {
    metrics: Arc<Metrics>,
    writes: AtomicUsize,
    lag_micros: AtomicU64,
    /// Whether the task is there that measures the lag.
    is_watched: AtomicBool,
    /// Whether a request has come since the task last looked.
    is_in_use: AtomicBool,
}

/// A write that is under way.
pub(super) struct WritePlace(Arc<Pressure>);

impl Drop for WritePlace {
    fn drop(&mut self) {
        self.0.writes.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pressure {
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            writes: AtomicUsize::new(0),
            lag_micros: AtomicU64::new(0),
            is_watched: AtomicBool::new(false),
            is_in_use: AtomicBool::new(false),
        }
    }

    /// A place for a write, until it has been answered.
    ///
    /// # Errors
    /// 503 when there is too much to do.
    pub(super) async fn admit_write(self: &Arc<Self>) -> Result<WritePlace, Problem> {
        self.admit_read().await?;
        // Counted first: the place is given back when it is dropped, also if it is one too many.
        let before = self.writes.fetch_add(1, Ordering::Relaxed);
        let place = WritePlace(Arc::clone(self));
        if before >= MAX_WRITES_IN_FLIGHT {
            drop(place);
            return Err(self.refuse("in_flight", "too many writes are under way; try again").await);
        }
        Ok(place)
    }

    /// Whether a read may go ahead.
    ///
    /// # Errors
    /// 503 when everything waits too long.
    pub(super) async fn admit_read(self: &Arc<Self>) -> Result<(), Problem> {
        self.is_in_use.store(true, Ordering::Relaxed);
        if !self.is_watched.load(Ordering::Relaxed)
            && !self.is_watched.swap(true, Ordering::Relaxed)
        {
            tokio::spawn(Arc::clone(self).watch());
        }
        if self.lag_micros.load(Ordering::Relaxed) > MAX_LAG.as_micros() as u64 {
            let detail = "there is more to do than can be done; try again";
            return Err(self.refuse("lag", detail).await);
        }
        Ok(())
    }

    /// Measures the lag until no more requests come.
    async fn watch(self: Arc<Self>) {
        while self.is_in_use.swap(false, Ordering::Relaxed) {
            let due = Instant::now() + LAG_PROBE;
            tokio::time::sleep_until(due.into()).await;
            self.note(due.elapsed());
        }
        self.note(Duration::ZERO);
        self.is_watched.store(false, Ordering::Relaxed);
    }

    fn note(&self, lag: Duration) {
        self.lag_micros
            .store(u64::try_from(lag.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.metrics.lag_seconds.set(lag.as_secs_f64());
    }

    async fn refuse(&self, reason: &str, detail: &str) -> Problem {
        self.metrics.shed_requests.with_label_values(&[reason]).inc();
        tokio::time::sleep(REFUSAL_PAUSE).await;
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use axum::response::IntoResponse;
    use futures_util::FutureExt;

    use super::*;

    fn pressure() -> Arc<Pressure> {
        Arc::new(Pressure::new(Arc::new(Metrics::new().unwrap())))
    }

    #[tokio::test]
    async fn the_last_place_is_given_and_the_next_write_is_sent_away() {
        let pressure = pressure();
        let mut places = Vec::new();
        for _ in 0..MAX_WRITES_IN_FLIGHT {
            places.push(pressure.admit_write().await.unwrap());
        }
        let begin = Instant::now();
        let mut refusal = pin!(pressure.admit_write());
        assert!(refusal.as_mut().now_or_never().is_none(), "the answer is held back");
        assert!(pressure.admit_read().await.is_ok(), "reads have places of their own");
        places.pop();
        let place = pressure.admit_write().await;
        assert!(place.is_ok(), "a place was given back, and who waits for a refusal has none");

        let refused = refusal.await.err().unwrap().into_response();
        assert!(begin.elapsed() >= REFUSAL_PAUSE);
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.headers().contains_key("retry-after"));
        assert_eq!(pressure.metrics.shed_requests.with_label_values(&["in_flight"]).get(), 1);
    }

    #[tokio::test]
    async fn what_would_wait_too_long_is_sent_away() {
        let pressure = pressure();
        pressure.note(MAX_LAG);
        assert!(pressure.admit_write().await.is_ok(), "at the edge it is taken");
        // While a refusal is held back, the lag is measured anew.
        let beyond = MAX_LAG + Duration::from_micros(1);
        pressure.note(beyond);
        assert!(pressure.admit_write().await.is_err());
        pressure.note(beyond);
        assert!(pressure.admit_read().await.is_err());
        assert_eq!(pressure.metrics.shed_requests.with_label_values(&["lag"]).get(), 2);
    }

    #[tokio::test]
    async fn a_thread_that_is_busy_is_noticed_and_nothing_is_done_when_nobody_comes() {
        let pressure = pressure();
        pressure.admit_read().await.unwrap();
        // The task begins to sleep; then its only thread is busy for longer than it sleeps.
        tokio::task::yield_now().await;
        pressure.admit_read().await.unwrap();
        let busy_until = Instant::now() + LAG_PROBE + 2 * MAX_LAG;
        while Instant::now() < busy_until {
            std::hint::spin_loop();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(pressure.admit_read().await.is_err());
        let deadline = Instant::now() + Duration::from_secs(10);
        while pressure.is_watched.load(Ordering::Relaxed) {
            assert!(Instant::now() < deadline, "the task never ends");
            tokio::time::sleep(LAG_PROBE).await;
        }
        assert!(pressure.admit_read().await.is_ok());
    }
}
