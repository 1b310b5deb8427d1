//! `Lane`: the way of writes to one node. What waits goes out together, and pays one round trip
//! and one wait for copies.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Instant as Clock;

use redis::{Pipeline, Value};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::call::{Call, Outcome, Packed, number};
use super::connect::Connection;
use super::fault::Fault;
use super::job::Job;
use super::layout::Shard;
use super::lock;
use super::topology::Address;
use super::writer::Writer;
use crate::clock::now_ms;
use crate::limits::{LANE_IDLE, MAX_GROUP_CALLS, STORE_COPY_TIMEOUT, STORE_GROUP_TIMEOUT};

/// What adds steps to a shard, atomically. See the script itself.
const SCRIPT: &str = include_str!("apply.lua");

/// The steps that wait for a node.
pub(super) struct Lane {
    pub address: Address,
    /// Whether the node takes what it is given while slots are moving to it.
    pub is_asking: bool,
    waiting: Mutex<VecDeque<Job>>,
    news: Notify,
}

/// A connection on which groups are written.
struct Session {
    connection: Connection,
    sha: String,
    /// How many copies the node had when it was last asked.
    copies: usize,
}

/// What a node has answered to a group.
struct Answers {
    calls: Vec<Value>,
    /// How many copies have what the group wrote.
    copied: usize,
    /// How many there are.
    copies: usize,
}

impl Lane {
    pub fn new(address: Address, is_asking: bool) -> Self {
        Self { address, is_asking, waiting: Mutex::default(), news: Notify::new() }
    }

    /// Adds a step to those that wait.
    pub fn push(&self, job: Job) {
        lock(&self.waiting).push_back(job);
        self.news.notify_one();
    }

    /// Has a look whether it is still needed.
    pub fn wake(&self) {
        self.news.notify_one();
    }

    /// Writes what waits, until nothing has come for a while.
    pub async fn run(self: Arc<Self>, writer: Arc<Writer>) {
        let mut session = None;
        loop {
            let calls = self.gather(&writer);
            if !calls.is_empty() {
                self.write(&writer, &mut session, calls).await;
                continue;
            }
            let is_idle = timeout(LANE_IDLE, self.news.notified()).await.is_err();
            if (is_idle || writer.is_closed())
                && writer.retire(&self, || lock(&self.waiting).is_empty())
            {
                return;
            }
        }
    }

    /// Takes what waits and may go together.
    fn gather(&self, writer: &Writer) -> Vec<Call> {
        let mut waiting = std::mem::take(&mut *lock(&self.waiting));
        if waiting.is_empty() {
            return Vec::new();
        }
        let (now, now_ms) = (Instant::now(), now_ms());
        let mut calls: HashMap<Shard, Call> = HashMap::new();
        let mut left = VecDeque::new();
        while let Some(job) = waiting.pop_front() {
            if job.deadline <= now {
                job.give_up();
                continue;
            }
            if calls.len() >= MAX_GROUP_CALLS && !calls.contains_key(&job.shard) {
                left.push_back(job);
                continue;
            }
            let shard = job.shard;
            let call = calls.entry(shard).or_insert_with(|| Call::new(shard));
            left.extend(call.admit(job, &writer.net.keys, &writer.known, now_ms));
        }
        if !left.is_empty() {
            // They come before what has arrived meanwhile.
            let mut waiting = lock(&self.waiting);
            left.append(&mut waiting);
            *waiting = left;
            self.news.notify_one();
        }
        calls.into_values().filter(|call| !call.entries.is_empty()).collect()
    }

    async fn write(&self, writer: &Arc<Writer>, session: &mut Option<Session>, calls: Vec<Call>) {
        let keys = &writer.net.keys;
        let open = match session {
            Some(open) => open,
            None => match self.connect(writer).await {
                Ok(opened) => session.insert(opened),
                Err(reason) => return writer.put_off_calls(calls, &reason),
            },
        };
        let mut packed: Vec<(Call, Packed)> = Vec::with_capacity(calls.len());
        for call in calls {
            match call.pack(&open.sha, keys) {
                Some(command) => packed.push((call, command)),
                None => self.separate(call),
            }
        }
        if packed.is_empty() {
            return;
        }
        let started = Clock::now();
        let min_copies = writer.min_copies();
        let sent = open.send(&packed, self.is_asking, min_copies);
        let limit = STORE_GROUP_TIMEOUT + STORE_COPY_TIMEOUT;
        let answers = match timeout(limit, sent).await {
            Ok(Ok(answers)) => answers,
            Ok(Err(reason)) => return self.lose(writer, session, packed, &reason),
            Err(_) => return self.lose(writer, session, packed, "it does not answer"),
        };
        writer.metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
        let needed = min_copies.unwrap_or(answers.copies);
        let is_copied = answers.copied >= needed.max(writer.least_copies());
        let told = format!("{} of {} copies were made in time", answers.copied, needed.max(1));
        let mut forgets = false;
        let mut written = 0;
        for ((mut call, packed), answer) in packed.into_iter().zip(answers.calls) {
            if let Some(fault) = Fault::in_answer(&answer) {
                forgets |= fault == Fault::NoScript;
                writer.deflect(call, fault, &self.address);
                continue;
            }
            match call.outcome(&packed, &answer, &writer.known) {
                Some(Outcome::Applied) => {
                    written += call.entries.len();
                    for (mut job, place, record, done) in call.done() {
                        writer.known.put(job.shard, &place, &record);
                        if is_copied {
                            job.answer(Ok(done));
                        } else {
                            job.attempted = done.is_new.then_some(record);
                            writer.put_off(job, &told);
                        }
                    }
                }
                Some(Outcome::Stale) => self.again(call),
                Some(Outcome::Crowded) => self.separate(call),
                Some(Outcome::Over(error)) => {
                    call.entries.into_iter().for_each(|one| one.job.answer(Err(error.clone())));
                }
                Some(Outcome::Fits) => {
                    for (job, _, _, done) in call.done() {
                        job.answer(Ok(done));
                    }
                }
                None => {
                    writer.deflect(call, Fault::Refused("a strange answer".into()), &self.address)
                }
            }
        }
        writer.metrics.commit_writes.observe(written as f64);
        if forgets {
            *session = None;
        }
    }

    async fn connect(&self, writer: &Writer) -> Result<Session, String> {
        let opened = writer.net.connector.connect(&self.address).await;
        let mut connection = opened.map_err(|error| format!("{}: {error}", self.address))?;
        let mut start = Pipeline::new();
        start.cmd("SCRIPT").arg("LOAD").arg(SCRIPT).cmd("ROLE");
        let answers = timeout(STORE_GROUP_TIMEOUT, connection.send(&start)).await;
        let answers = answers.map_err(|_| format!("{} does not answer", self.address))?;
        let answers = answers.map_err(|error| format!("{}: {error}", self.address))?;
        match answers.as_slice() {
            [Value::BulkString(sha), role] => {
                let sha = String::from_utf8_lossy(sha).into_owned();
                Ok(Session { connection, sha, copies: copies(role) })
            }
            other => {
                let fault = other.iter().find_map(Fault::in_answer);
                let reason = fault.map_or("a strange answer".to_owned(), |fault| fault.to_string());
                Err(format!("{}: {reason}", self.address))
            }
        }
    }

    /// Nobody knows what became of a group: each step is tried again, and told if it was done.
    fn lose(
        &self,
        writer: &Arc<Writer>,
        session: &mut Option<Session>,
        calls: Vec<(Call, Packed)>,
        reason: &str,
    ) {
        *session = None;
        let reason = format!("{}: {reason}", self.address);
        for (call, _) in calls {
            for (mut job, _, record, done) in call.done() {
                job.attempted = done.is_new.then_some(record);
                writer.put_off(job, &reason);
            }
        }
        writer.net.suspect();
    }

    /// Tries at once again.
    fn again(&self, call: Call) {
        let mut waiting = lock(&self.waiting);
        for (job, ..) in call.done() {
            waiting.push_front(job);
        }
        self.news.notify_one();
    }

    /// Tries each step by itself.
    fn separate(&self, call: Call) {
        let mut waiting = lock(&self.waiting);
        for (mut job, ..) in call.done() {
            job.is_alone = true;
            waiting.push_front(job);
        }
        self.news.notify_one();
    }
}

impl Session {
    /// Sends calls, and waits for the copies of what they write.
    async fn send(
        &mut self,
        calls: &[(Call, Packed)],
        is_asking: bool,
        min_copies: Option<usize>,
    ) -> Result<Answers, String> {
        let mut pipeline = Pipeline::with_capacity(2 * calls.len() + 2);
        for (_, packed) in calls {
            if is_asking {
                pipeline.cmd("ASKING");
            }
            pipeline.add_command(packed.command.clone());
        }
        let awaited = min_copies.unwrap_or(self.copies);
        let wait_ms = STORE_COPY_TIMEOUT.as_millis() as u64;
        pipeline.cmd("WAIT").arg(awaited).arg(wait_ms).cmd("ROLE");
        let answers = self.connection.send(&pipeline).await;
        let mut answers = answers.map_err(|error| error.to_string())?;
        let (role, copied) = (answers.pop(), answers.pop());
        let mut copied = copied.as_ref().and_then(number).unwrap_or_default();
        self.copies = role.as_ref().map_or(0, copies);
        if min_copies.is_none() && copied < self.copies && awaited < self.copies {
            // There are more copies than before.
            let mut wait = Pipeline::new();
            wait.cmd("WAIT").arg(self.copies).arg(wait_ms);
            let waited = self.connection.send(&wait).await.map_err(|error| error.to_string())?;
            copied = waited.first().and_then(number).unwrap_or_default();
        }
        if is_asking {
            answers = answers.into_iter().skip(1).step_by(2).collect();
        }
        Ok(Answers { calls: answers, copied, copies: self.copies })
    }
}

/// How many copies of itself a node knows to be up to date, by its answer to `ROLE`.
fn copies(role: &Value) -> usize {
    match role {
        Value::Array(parts) => match parts.as_slice() {
            [_, _, Value::Array(copies)] => copies.len(),
            _ => 0,
        },
        _ => 0,
    }
}
