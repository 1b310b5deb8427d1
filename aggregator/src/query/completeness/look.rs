//! `Look`: a look at something that is long to look at, which serves all who ask for it for a
//! while. One looks at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::limits::{LOOK_SERVES, MAX_OVERVIEW_AGE};
use crate::store::ReadError;

/// What was seen last.
pub(super) struct Look<T> {
    /// Locked while somebody looks: who comes meanwhile waits for that.
    last: Mutex<Option<Seen<T>>>,
}

struct Seen<T> {
    what: Result<Arc<T>, ReadError>,
    ended: Instant,
    /// Until when it serves those who come later.
    until: Instant,
}

impl<T> Default for Look<T> {
    fn default() -> Self {
        Self { last: Mutex::default() }
    }
}

impl<T> Look<T> {
    /// What was seen a moment ago, or is seen now by `look`. If that fails, it does for all who
    /// have waited for it: else each would try in turn, and the last one wait for all of them.
    pub async fn get(
        &self,
        look: impl Future<Output = Result<T, ReadError>>,
    ) -> Result<Arc<T>, ReadError> {
        let came = Instant::now();
        let mut last = self.last.lock().await;
        if let Some(seen) = last.as_ref().filter(|seen| seen.serves(came)) {
            return seen.what.clone();
        }
        let begun = Instant::now();
        let what = look.await.map(Arc::new);
        let until = begun + serves_for(begun.elapsed());
        *last = Some(Seen { what: what.clone(), ended: Instant::now(), until });
        what
    }
}

impl<T> Seen<T> {
    fn serves(&self, came: Instant) -> bool {
        match self.what {
            Ok(_) => Instant::now() <= self.until,
            Err(_) => came < self.ended,
        }
    }
}

/// For how long, from its beginning on, a look serves that has taken so long.
fn serves_for(taken: Duration) -> Duration {
    MAX_OVERVIEW_AGE.max(taken * LOOK_SERVES)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    #[test]
    fn a_look_that_takes_long_serves_long() {
        let milliseconds = Duration::from_millis;
        assert_eq!(serves_for(milliseconds(5)), MAX_OVERVIEW_AGE);
        assert_eq!(serves_for(milliseconds(3_000)), milliseconds(30_000));
    }

    /// What several get who come while one looks, and how often is looked until one has come later.
    async fn seen(outcome: Result<u32, ReadError>) -> (Vec<Result<u32, ReadError>>, u32) {
        let (shared, looks) = (Look::default(), AtomicU32::new(0));
        let gate = Semaphore::new(0);
        let look = || async {
            looks.fetch_add(1, Ordering::Relaxed);
            let _ = gate.acquire().await;
            outcome.clone()
        };
        // They are polled in turn: all have come when the gate is opened.
        let (a, b, c, ()) =
            tokio::join!(shared.get(look()), shared.get(look()), shared.get(look()), async {
                gate.add_permits(9)
            });
        let later = shared.get(look()).await;
        let all = [a, b, c, later].into_iter().map(|seen| seen.map(|seen| *seen));
        (all.collect(), looks.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn one_look_serves_all_who_wait_for_it() {
        assert_eq!(seen(Ok(7)).await, (vec![Ok(7); 4], 1));
        let failed = Err(ReadError("away".to_owned()));
        assert_eq!(seen(failed.clone()).await, (vec![failed; 4], 2), "who comes later looks anew");
    }
}
