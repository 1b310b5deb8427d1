//! `Drain`: the process has been told to end, so what would go on for ever must end now.

use tokio::sync::watch;

/// Begins once, and is seen by all who wait for it.
pub(crate) struct Drain(watch::Sender<bool>);

impl Default for Drain {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Drain {
    /// Begins.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it begins.
    pub fn begun(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut begun = self.0.subscribe();
        async move {
            // Without a sender there is no process that could go on.
            let _ = begun.wait_for(|begun| *begun).await;
        }
    }
}
