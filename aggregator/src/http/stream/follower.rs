//! `Follower`: takes changes out of the store and gives them to one reader, at its pace.

use std::sync::Arc;
use std::time::Duration;

use tokio::pin;
use tokio::time::{Instant, sleep, sleep_until};

use super::event;
use super::outlet::{Ended, Outlet};
use crate::limits::{STREAM_INTERVAL, STREAM_KEEP_ALIVE, STREAM_STALL};
use crate::store::{ChangeSet, Changes, ChangesError, ReadError, Selection, Store};

/// The times of a stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// The least time between two sets of changes.
    pub interval: Duration,
    /// The longest silence.
    pub keep_alive: Duration,
    /// How long a reader may take nothing.
    pub stall: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { interval: STREAM_INTERVAL, keep_alive: STREAM_KEEP_ALIVE, stall: STREAM_STALL }
    }
}

/// One reader of the changes.
pub(super) struct Follower {
    store: Arc<dyn Store>,
    selection: Selection,
    after: Option<u64>,
    outlet: Outlet,
    pace: Pace,
}

/// Why a stream ends.
enum End {
    Reader(Ended),
    Store(ChangesError),
}

impl From<ReadError> for End {
    fn from(ReadError(reason): ReadError) -> Self {
        Self::Store(ChangesError::Unreadable(reason))
    }
}

impl From<Ended> for End {
    fn from(ended: Ended) -> Self {
        Self::Reader(ended)
    }
}

impl Follower {
    /// Follows what changes of a selection after an event, or from now on.
    pub fn new(
        store: Arc<dyn Store>,
        selection: Selection,
        after: Option<u64>,
        outlet: Outlet,
        pace: Pace,
    ) -> Self {
        Self { store, selection, after, outlet, pace }
    }

    /// Goes on until the reader goes, does not read, or it is over.
    pub async fn run(self, over: impl Future<Output = ()>) {
        let end = tokio::select! {
            end = self.follow() => Some(end),
            () = self.outlet.gone() => None,
            () = over => None,
        };
        match end {
            Some(End::Reader(Ended::Stalled)) => self.outlet.end_with(event::dropped()),
            Some(End::Store(error)) => log::warn!("a stream ends: {error}"),
            Some(End::Reader(Ended::Gone)) | None => {}
        }
    }

    async fn follow(&self) -> End {
        let mut changes = match self.store.changes(self.selection.clone(), self.after).await {
            Ok(changes) => changes,
            Err(error) => return error.into(),
        };
        let mut told = changes.up_to();
        if let Err(ended) = self.outlet.send(event::hello(told)).await {
            return End::Reader(ended);
        }
        loop {
            let next = Instant::now() + self.pace.interval;
            match self.step(&mut *changes, &mut told).await {
                Ok(()) => {}
                Err(End::Store(ChangesError::Missed { up_to })) => {
                    changes = match self.store.changes(self.selection.clone(), Some(up_to)).await {
                        Ok(changes) => changes,
                        Err(error) => return error.into(),
                    };
                    told = up_to;
                    if let Err(ended) = self.outlet.send(event::reset(up_to)).await {
                        return End::Reader(ended);
                    }
                }
                Err(end) => return end,
            }
            sleep_until(next).await;
        }
    }

    /// Sends the next changes. A set of none is not sent, but `told` stays where it was.
    async fn step(&self, changes: &mut dyn Changes, told: &mut u64) -> Result<(), End> {
        let set = self.wait(changes, told).await?;
        for message in event::flows(&set) {
            self.outlet.send(message).await?;
        }
        if !set.rows.is_empty() {
            *told = set.up_to;
        }
        Ok(())
    }

    /// Waits for changes, and shows that the connection is alive meanwhile.
    async fn wait(&self, changes: &mut dyn Changes, told: &mut u64) -> Result<ChangeSet, End> {
        let up_to = changes.up_to();
        let next = changes.next();
        pin!(next);
        loop {
            tokio::select! {
                set = &mut next => return set.map_err(End::Store),
                () = sleep(self.pace.keep_alive) => {
                    let id = (*told < up_to).then_some(up_to);
                    self.outlet.send(event::keep_alive(id)).await?;
                    *told = up_to;
                }
            }
        }
    }
}
