//! `Mover`: reads one store and writes to the other, several chunks at a time.
//!
//! Instances come first. From then on the target knows a resend of what is being moved; were they
//! last, one that is pushed to it too early would count twice.

use std::collections::VecDeque;
use std::sync::Arc;

use flow_model::Reporter;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::bar::Bar;
use super::chunk::{self, Chunk};
use super::note::Note;
use super::patience::patiently;
use crate::limits::{MAX_MOVES, MAX_RESTORES, MOVE_INSTANCES, MOVES_PER_NOTE};
use crate::store::{ApplyError, Movable, Position, ReadError, Selection};

/// Chunks that are read ahead.
const READ_AHEAD: usize = 2;

/// A move that is going on.
pub(super) struct Mover<'a> {
    pub source: &'a dyn Movable,
    pub target: &'a Arc<dyn Movable>,
    /// What the target has, and is told from time to time.
    pub note: Note,
    pub bar: &'a Bar,
}

/// Why a move stopped.
#[derive(Debug, thiserror::Error)]
pub(super) enum MoveError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{}", told(.0))]
    Write(#[from] ApplyError),
    #[error("{0}")]
    Other(String),
}

fn told(error: &ApplyError) -> String {
    match error {
        ApplyError::KeyReused => {
            "what is moved has changed: it is not what an earlier attempt found".to_owned()
        }
        other => other.to_string(),
    }
}

/// A chunk that is under way: how many flows it has, and the last of them.
type UnderWay = JoinHandle<Result<(u64, Option<Position>), ApplyError>>;

impl Mover<'_> {
    /// Moves all that is left.
    pub async fn run(&mut self) -> Result<(), MoveError> {
        self.tell_target().await?;
        self.bar.say(", instances first");
        self.move_instances().await?;
        self.bar.say("");
        self.move_flows().await
    }

    async fn move_instances(&self) -> Result<(), MoveError> {
        let mut after: Option<String> = None;
        loop {
            let page = self.source.instances(after.as_deref(), MOVE_INSTANCES).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id.clone());
            let mut restores = JoinSet::new();
            for instance in page {
                if restores.len() >= MAX_RESTORES {
                    ended(restores.join_next().await)?;
                }
                let target = Arc::clone(self.target);
                restores.spawn(async move { patiently(|| target.restore(&instance)).await });
            }
            while let Some(outcome) = restores.join_next().await {
                ended(Some(outcome))?;
            }
        }
    }

    async fn move_flows(&mut self) -> Result<(), MoveError> {
        let after = self.note.position().map_err(MoveError::Other)?;
        let mut scan = self.source.scan(Selection::all(), after.clone(), None).await?;
        let (sender, mut chunks) = mpsc::channel(READ_AHEAD);
        let reader = tokio::task::spawn_blocking(move || chunk::read(&mut *scan, after, &sender));
        let mut under_way: VecDeque<UnderWay> = VecDeque::new();
        let mut since_note = 0;
        while let Some(chunk) = chunks.recv().await {
            let (target, id, chunk) = (Arc::clone(self.target), self.note.id.clone(), chunk?);
            under_way.push_back(tokio::spawn(async move { write(&*target, &chunk, &id).await }));
            if under_way.len() < MAX_MOVES {
                continue;
            }
            self.settle(under_way.pop_front()).await?;
            since_note += 1;
            if since_note >= MOVES_PER_NOTE {
                since_note = 0;
                self.tell_target().await?;
            }
        }
        while let Some(chunk) = under_way.pop_front() {
            self.settle(Some(chunk)).await?;
        }
        reader.await.map_err(|error| MoveError::Other(error.to_string()))?;
        self.tell_target().await
    }

    /// Waits for a chunk. They are waited for in order: with this one, all before it are there.
    async fn settle(&mut self, chunk: Option<UnderWay>) -> Result<(), MoveError> {
        let Some(chunk) = chunk else { return Ok(()) };
        let outcome = chunk.await.map_err(|error| MoveError::Other(error.to_string()))?;
        if let (flows, Some(last)) = outcome? {
            self.note.advance(flows, &last);
            self.bar.set(self.note.flows);
        }
        Ok(())
    }

    /// Has the target remember how far the move is.
    async fn tell_target(&mut self) -> Result<(), MoveError> {
        self.note.touch();
        let bytes = self.note.bytes().map_err(MoveError::Other)?;
        Ok(patiently(|| self.target.set_moving(Some(&bytes))).await?)
    }
}

/// Writes both sides of a chunk.
async fn write(
    target: &dyn Movable,
    chunk: &Chunk,
    id: &str,
) -> Result<(u64, Option<Position>), ApplyError> {
    for reporter in [Reporter::Source, Reporter::Destination] {
        if let Some(write) = chunk.write(reporter, id) {
            patiently(|| target.apply(write.clone())).await?;
        }
    }
    Ok((chunk.len(), chunk.last()))
}

fn ended(
    outcome: Option<Result<Result<(), ApplyError>, tokio::task::JoinError>>,
) -> Result<(), MoveError> {
    match outcome {
        None | Some(Ok(Ok(()))) => Ok(()),
        Some(Ok(Err(error))) => Err(error.into()),
        Some(Err(error)) => Err(MoveError::Other(error.to_string())),
    }
}
