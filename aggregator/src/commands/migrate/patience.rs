//! Trying again what a store could not do: a cluster that changes over gets better by itself.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::limits::MOVE_PATIENCE;
use crate::store::ApplyError;

const PAUSE: Duration = Duration::from_millis(250);

/// Tries until it succeeds, is refused for good, or has taken too long.
pub(super) async fn patiently<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, ApplyError>
where
    F: Future<Output = Result<T, ApplyError>>,
{
    let deadline = Instant::now() + MOVE_PATIENCE;
    loop {
        match attempt().await {
            Err(ApplyError::Overloaded | ApplyError::Unavailable(_))
                if Instant::now() < deadline =>
            {
                sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_gets_better_is_tried_again_and_what_does_not_is_not() {
        let mut attempts = 0;
        let outcome = patiently(|| {
            attempts += 1;
            let outcome = match attempts {
                1 => Err(ApplyError::Overloaded),
                _ => Ok(attempts),
            };
            async move { outcome }
        });
        assert_eq!(outcome.await, Ok(2));
        let mut attempts = 0;
        let refused = patiently(|| {
            attempts += 1;
            async { Err::<(), _>(ApplyError::KeyReused) }
        });
        assert_eq!(refused.await, Err(ApplyError::KeyReused));
        assert_eq!(attempts, 1);
    }
}
