//! `Job`: a step of a write that waits for a node, and what its sender's record says of it.

use std::sync::{Arc, Mutex};

use flow_model::Hour;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::deltas::Deltas;
use super::layout::{Keys, Shard};
use super::lock;
use super::record::{DamagedRecord, Delivered, Said, Written, decode, encode};
use crate::store::{ApplyError, Delivery, Progress};

/// A step of a write.
pub(super) struct Job {
    pub shard: Shard,
    pub sender: Sender,
    pub deltas: Arc<[Deltas]>,
    /// Which of the deltas; none for a step that adds none.
    pub step: Option<usize>,
    pub aim: Aim,
    /// When it is given up.
    pub deadline: Instant,
    pub reply: oneshot::Sender<Result<Done, ApplyError>>,
    /// The sender's record as a node has last told it.
    pub known: Option<Vec<u8>>,
    /// The record that it has tried to leave: if it is there, the step was done.
    pub attempted: Option<Vec<u8>>,
    /// Whether it goes into a call of its own.
    pub is_alone: bool,
    /// Why it has not been done so far; who waits for it knows, too.
    pub reason: Reason,
}

/// Why something has not been done so far.
pub(super) type Reason = Arc<Mutex<String>>;

/// What is done in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// It is done.
    Do,
    /// It is looked whether its sums stay in their range.
    Check,
    /// It is looked whether it was done before; if it was, there are copies of that.
    Probe,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Done {
    /// Whether it was done now; else it had been before.
    pub is_new: bool,
    /// How many flows of the write are not kept.
    pub expired_flows: u64,
}

/// Whose record tells whether a step has been done before.
#[derive(Clone, Debug)]
pub(super) enum Sender {
    /// An instance, for the flows of a batch in a shard.
    Part { instance: Arc<str>, sequence: u64, step: u16 },
    /// An instance, for what it says of itself, when all flows of the batch have been added.
    Home { delivery: Arc<Delivery<'static>>, first_hour: Option<Hour> },
    /// What an instance had said in another store.
    Moved { instance: Arc<str>, progress: Arc<Progress> },
    /// A direct write, for its flows in a shard.
    Write(WriteStep),
    /// An idempotency key, for the write that it is used for.
    Claim(WriteStep),
}

/// A step of a direct write.
#[derive(Clone, Debug)]
pub(super) struct WriteStep {
    pub id: [u8; 16],
    pub fingerprint: [u8; 32],
    pub step: u16,
    pub expired_flows: u64,
    /// For how many seconds it is remembered.
    pub keep_s: u64,
}

/// Where a sender's record is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum RecordPlace {
    /// A field of the hash of what instances have delivered.
    Part(Arc<str>),
    /// A field of the hash of what instances have said.
    Home(Arc<str>),
    /// A key of its own.
    Key(Vec<u8>),
}

/// What a sender's record says of a step.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is to be done, and leaves this record.
    New { record: Vec<u8>, expired_flows: u64 },
    /// It was done.
    Old { expired_flows: u64 },
    /// The key was used for another write.
    Reused,
}

impl Sender {
    pub fn place(&self, keys: &Keys, shard: Shard) -> RecordPlace {
        match self {
            Self::Part { instance, .. } => RecordPlace::Part(Arc::clone(instance)),
            Self::Home { delivery, .. } => RecordPlace::Home(delivery.instance.as_str().into()),
            Self::Moved { instance, .. } => RecordPlace::Home(Arc::clone(instance)),
            Self::Write(write) => RecordPlace::Key(keys.part(shard, &write.id)),
            Self::Claim(write) => RecordPlace::Key(keys.claim(shard, &write.id)),
        }
    }

    /// For how long a record in a key of its own is kept, in seconds.
    pub fn keep_s(&self) -> u64 {
        match self {
            Self::Write(write) | Self::Claim(write) => write.keep_s,
            Self::Part { .. } | Self::Home { .. } | Self::Moved { .. } => 0,
        }
    }

    /// What the record says of this step.
    pub fn judge(&self, record: &[u8], now_ms: u64) -> Result<Verdict, DamagedRecord> {
        Ok(match self {
            Self::Part { sequence, step, .. } => {
                let done = decode::<Delivered>(record)?.map(|one| (one.sequence, one.steps));
                if done.is_some_and(|done| done >= (*sequence, step + 1)) {
                    return Ok(Verdict::Old { expired_flows: 0 });
                }
                let next = Delivered { sequence: *sequence, steps: step + 1, last_seen_ms: now_ms };
                Verdict::New { record: encode(&next), expired_flows: 0 }
            }
            Self::Home { delivery, first_hour } => {
                let before = decode::<Said>(record)?.map(|said| said.progress());
                if before.as_ref().is_some_and(|before| delivery.sequence <= before.sequence) {
                    return Ok(Verdict::Old { expired_flows: 0 });
                }
                let next = Progress::after(before.as_ref(), delivery, *first_hour, now_ms);
                Verdict::New { record: encode(&Said::of(&next)), expired_flows: 0 }
            }
            Self::Moved { progress, .. } => {
                let said: Option<Said> = decode(record)?;
                if said.is_some_and(|said| progress.sequence <= said.progress().sequence) {
                    return Ok(Verdict::Old { expired_flows: 0 });
                }
                let record = encode(&Said::of(progress));
                Verdict::New { record, expired_flows: 0 }
            }
            Self::Write(write) | Self::Claim(write) => {
                let done: Option<Written> = decode(record)?;
                match done {
                    Some(done) if done.fingerprint != write.fingerprint => Verdict::Reused,
                    Some(done) if done.steps > write.step => {
                        Verdict::Old { expired_flows: done.expired_flows }
                    }
                    _ => {
                        let expired_flows = write.expired_flows;
                        let steps = write.step + 1;
                        let fingerprint = write.fingerprint;
                        let next = Written { fingerprint, steps, expired_flows };
                        Verdict::New { record: encode(&next), expired_flows }
                    }
                }
            }
        })
    }
}

impl Job {
    /// The flows of this step.
    pub fn deltas(&self) -> Option<&Deltas> {
        self.deltas.get(self.step?)
    }

    /// Ends the job.
    pub fn answer(self, outcome: Result<Done, ApplyError>) {
        // Who waited may have gone; what was done stands.
        let _ = self.reply.send(outcome);
    }

    /// Ends the job because it has taken too long.
    pub fn give_up(self) {
        let reason = lock(&self.reason).clone();
        self.answer(Err(ApplyError::Unavailable(reason)));
    }
}
