//! `Writer`: has each step of a write done, in the right order, and goes on until it is done or has
//! taken too long. A write apart by shard is in `parts`, what is asked before
//! in `inquiry`, and which node gets a step in `routing`.

mod inquiry;
mod parts;
mod routing;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use flow_model::Status;
use getrandom::fill;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use super::deltas::Deltas;
use super::job::{Aim, Done, Job, Reason, Sender, WriteStep};
use super::known::Known;
use super::lane::Lane;
use super::layout::Shard;
use super::lock;
use super::net::Net;
use super::topology::Address;
use crate::limits::{
    MADE_KEY_SECONDS, MAX_QUEUED_BYTES, MAX_QUEUED_WRITES, MOVED_KEY_SECONDS, STORE_WRITE_PATIENCE,
};
use crate::metrics::Metrics;
use crate::store::{Applied, ApplyError, Delivery, Progress, WriteKey};

pub(super) use self::parts::Parts;

/// What a step still is without its flows.
const STEP_BYTES: u32 = 512;

/// Writes to the cluster.
pub(super) struct Writer {
    pub net: Arc<Net>,
    pub known: Known,
    pub metrics: Arc<Metrics>,
    lanes: Mutex<HashMap<(Address, bool), Arc<Lane>>>,
    replica_acks: Option<usize>,
    dedupe_s: u64,
    is_closed: AtomicBool,
    places: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
}

impl Writer {
    pub fn new(
        net: Arc<Net>,
        metrics: Arc<Metrics>,
        replica_acks: Option<usize>,
        dedupe_s: u64,
    ) -> Self {
        Self {
            net,
            known: Known::default(),
            metrics,
            lanes: Mutex::default(),
            replica_acks,
            dedupe_s,
            is_closed: AtomicBool::new(false),
            places: Arc::new(Semaphore::new(MAX_QUEUED_WRITES)),
            bytes: Arc::new(Semaphore::new(MAX_QUEUED_BYTES)),
        }
    }

    /// The copies that a write waits for, if that is set; else all that there are.
    pub fn min_copies(&self) -> Option<usize> {
        self.replica_acks
    }

    /// The copies without which no write counts.
    pub fn least_copies(&self) -> usize {
        self.replica_acks.unwrap_or(usize::from(self.net.topology().has_replicas))
    }

    /// A place among the writes that are under way.
    pub fn enter(&self, parts: &Parts) -> Result<Place, ApplyError> {
        if self.is_closed() {
            return Err(ApplyError::Unavailable("the store is closed".to_owned()));
        }
        let overloaded = |_| ApplyError::Overloaded;
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(overloaded)?;
        let size = u32::try_from(parts.size_bytes).map_err(|_| ApplyError::Overloaded)?;
        let size = size.saturating_add(STEP_BYTES);
        let bytes = Arc::clone(&self.bytes).try_acquire_many_owned(size).map_err(overloaded)?;
        Ok(Place { _place: place, _bytes: bytes })
    }

    /// Adds the flows of a batch, and then notes what its instance says.
    pub async fn batch(
        self: Arc<Self>,
        delivery: Arc<Delivery<'static>>,
        parts: Parts,
    ) -> Result<Applied, ApplyError> {
        let deadline = Instant::now() + STORE_WRITE_PATIENCE;
        let instance: Arc<str> = delivery.instance.as_str().into();
        let home = Shard::of_bytes(instance.as_bytes());
        let sender = Sender::Home { delivery: Arc::clone(&delivery), first_hour: parts.first_hour };
        let sequence = delivery.sequence;
        if sequence <= self.last_delivered(home, &instance, deadline).await? {
            // What is believed may have been lost with a node: let the node say it.
            let probe = self.say(home, sender.clone(), Aim::Probe, deadline).await?;
            if !probe.is_new {
                return Ok(applied(false, 0, &parts));
            }
        }
        let part = |step| Sender::Part { instance: Arc::clone(&instance), sequence, step };
        self.add(&parts, deadline, part).await?;
        // Only when all of it is there: others take the watermark by its word.
        let done = self.say(home, sender, Aim::Do, deadline).await?;
        Ok(applied(done.is_new, 0, &parts))
    }

    /// Adds the flows of a direct write.
    pub async fn direct(
        self: Arc<Self>,
        key: Option<WriteKey>,
        parts: Parts,
    ) -> Result<Applied, ApplyError> {
        let deadline = Instant::now() + STORE_WRITE_PATIENCE;
        let expired_flows = parts.expired_flows;
        let write = match &key {
            Some(key) => WriteStep {
                id: short_hash(&key.key),
                fingerprint: key.fingerprint,
                step: 0,
                expired_flows,
                keep_s: self.dedupe_s,
            },
            None => WriteStep {
                id: random_id()?,
                fingerprint: [0; 32],
                step: 0,
                expired_flows,
                keep_s: MADE_KEY_SECONDS,
            },
        };
        let home = Shard::of_bytes(&write.id);
        let mut claimed = Done { is_new: true, expired_flows };
        if key.is_some() {
            let claim = Sender::Claim(write.clone());
            claimed = self.say(home, claim, Aim::Do, deadline).await?;
        }
        let part = |step| Sender::Write(WriteStep { step, ..write.clone() });
        let added = self.add(&parts, deadline, part).await;
        if let Err(error @ ApplyError::Overflow { .. }) = added {
            if key.is_some() && claimed.is_new {
                self.disclaim(home, &write).await;
            }
            return Err(error);
        }
        // A write of no flows that are kept is new if its key is.
        let is_new = if parts.by_shard.is_empty() { claimed.is_new } else { added? };
        Ok(applied(is_new, claimed.expired_flows, &parts))
    }

    /// Adds what another store holds. Unlike a direct write it may stay half done, as it is tried
    /// again until it is done; so nothing is looked at before.
    pub async fn moved(
        self: Arc<Self>,
        key: WriteKey,
        parts: Parts,
    ) -> Result<Applied, ApplyError> {
        let deadline = Instant::now() + STORE_WRITE_PATIENCE;
        let write = WriteStep {
            id: short_hash(&key.key),
            fingerprint: key.fingerprint,
            step: 0,
            expired_flows: parts.expired_flows,
            keep_s: MOVED_KEY_SECONDS,
        };
        let part = |step| Sender::Write(WriteStep { step, ..write.clone() });
        let is_new = self.every_step(&parts, deadline, Aim::Do, &part).await?;
        Ok(applied(is_new, parts.expired_flows, &parts))
    }

    /// Notes what an instance had said in another store.
    pub async fn restore(
        self: &Arc<Self>,
        instance: &str,
        progress: &Progress,
    ) -> Result<(), ApplyError> {
        let deadline = Instant::now() + STORE_WRITE_PATIENCE;
        let home = Shard::of_bytes(instance.as_bytes());
        let progress = Arc::new(progress.clone());
        let sender = Sender::Moved { instance: instance.into(), progress };
        self.say(home, sender, Aim::Do, deadline).await.map(|_| ())
    }

    /// Adds the flows of a write in all shards; gives whether any of them was new.
    async fn add(
        self: &Arc<Self>,
        parts: &Parts,
        deadline: Instant,
        sender: impl Fn(u16) -> Sender,
    ) -> Result<bool, ApplyError> {
        // What is done in one step is done whole or not at all. Of several, the first must not be
        // done if a later one does not fit.
        if !parts.is_one_step() && self.is_near_the_limit(parts, deadline).await? {
            self.every_step(parts, deadline, Aim::Check, &sender).await?;
        }
        self.every_step(parts, deadline, Aim::Do, &sender).await
    }

    async fn every_step(
        self: &Arc<Self>,
        parts: &Parts,
        deadline: Instant,
        aim: Aim,
        sender: &impl Fn(u16) -> Sender,
    ) -> Result<bool, ApplyError> {
        let mut shards = tokio::task::JoinSet::new();
        for (shard, steps) in &parts.by_shard {
            let (shard, steps, writer) = (*shard, Arc::clone(steps), Arc::clone(self));
            let senders: Vec<Sender> = (0..).take(steps.len()).map(sender).collect();
            shards.spawn(async move {
                let mut is_new = false;
                let mut first_error = None;
                for (at, sender) in senders.into_iter().enumerate() {
                    let steps = Arc::clone(&steps);
                    match writer.step(shard, sender, steps, Some(at), aim, deadline).await {
                        Ok(done) => is_new |= done.is_new,
                        // The first flow that does not fit may be in a later step.
                        Err(error) if aim == Aim::Check => {
                            first_error = Some(worse(first_error, error));
                        }
                        Err(error) => return Err(error),
                    }
                }
                first_error.map_or(Ok(is_new), Err)
            });
        }
        let mut is_new = false;
        let mut first_error: Option<ApplyError> = None;
        while let Some(outcome) = shards.join_next().await {
            match outcome.unwrap_or_else(|error| Err(ApplyError::Unavailable(error.to_string()))) {
                Ok(new) => is_new |= new,
                Err(error) => first_error = Some(worse(first_error, error)),
            }
        }
        first_error.map_or(Ok(is_new), Err)
    }

    /// Has a step done that adds no flows.
    async fn say(
        self: &Arc<Self>,
        shard: Shard,
        sender: Sender,
        aim: Aim,
        deadline: Instant,
    ) -> Result<Done, ApplyError> {
        self.step(shard, sender, Arc::new([]), None, aim, deadline).await
    }

    /// Has one step done.
    async fn step(
        self: &Arc<Self>,
        shard: Shard,
        sender: Sender,
        deltas: Arc<[Deltas]>,
        step: Option<usize>,
        aim: Aim,
        deadline: Instant,
    ) -> Result<Done, ApplyError> {
        let (reply, outcome) = oneshot::channel();
        let reason = Reason::new(Mutex::new("its node has not taken it in time".to_owned()));
        self.submit(Job {
            shard,
            sender,
            deltas,
            step,
            aim,
            deadline,
            reply,
            known: None,
            attempted: None,
            is_alone: aim == Aim::Check,
            reason: Arc::clone(&reason),
        });
        // Its node may be busy with it still; a resend is told what came of it.
        let late = |_| ApplyError::Unavailable(lock(&reason).clone());
        let outcome = timeout_at(deadline, outcome).await.map_err(late)?;
        outcome.unwrap_or_else(|_| Err(ApplyError::Unavailable("it was dropped".to_owned())))
    }

    /// Takes a claim back, so that the key can be used for another write.
    async fn disclaim(&self, home: Shard, write: &WriteStep) {
        let mut command = redis::cmd("DEL");
        command.arg(self.net.keys.claim(home, &write.id));
        if let Err(error) = self.net.tell(vec![(home, command)]).await {
            log::warn!("an idempotency key stays in use: {error}");
        }
    }

    /// Whether it takes no more writes.
    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// Takes no more writes, and waits until none is under way.
    pub async fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        let all = u32::try_from(MAX_QUEUED_WRITES).unwrap_or(u32::MAX);
        let _ = timeout(2 * STORE_WRITE_PATIENCE, self.places.acquire_many(all)).await;
        lock(&self.lanes).values().for_each(|lane| lane.wake());
    }
}

/// A place among the writes that are under way.
pub(super) struct Place {
    _place: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

fn applied(is_new: bool, expired_before: u64, parts: &Parts) -> Applied {
    match is_new {
        true => Applied { status: Status::Applied, expired_flows: parts.expired_flows },
        false => Applied { status: Status::Duplicate, expired_flows: expired_before },
    }
}

/// The error that says more: what does not get better by itself comes first, and of two flows
/// that do not fit the first.
fn worse(known: Option<ApplyError>, new: ApplyError) -> ApplyError {
    match (known, new) {
        (
            Some(ApplyError::Overflow { index, field }),
            ApplyError::Overflow { index: new, field: other },
        ) => {
            if new < index {
                ApplyError::Overflow { index: new, field: other }
            } else {
                ApplyError::Overflow { index, field }
            }
        }
        (Some(known @ (ApplyError::Overflow { .. } | ApplyError::KeyReused)), _) => known,
        (_, new) => new,
    }
}

fn short_hash(bytes: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(Sha256::digest(bytes).split_at(16).0);
    short
}

fn random_id() -> Result<[u8; 16], ApplyError> {
    let mut id = [0; 16];
    fill(&mut id).map_err(unavailable)?;
    Ok(id)
}

fn unavailable(error: impl std::fmt::Display) -> ApplyError {
    ApplyError::Unavailable(error.to_string())
}
