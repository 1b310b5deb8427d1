//! The store contract over the embedded store, and what only this store has: a directory.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use flow_model::flow::HOUR_MS;
use flow_model::{Counters, Flow, FlowKey, Name, Status};

use super::{EmbeddedStore, JournalError, Keep, Options};
use crate::limits::{DEFAULT_CHECKPOINT_BYTES, LOST_AFTER, MAX_QUEUED_BYTES};
use crate::metrics::Metrics;
use crate::store::contract::{Place, contract_tests};
use crate::store::{ApplyError, Origin, Selection, Store, Write};

mod cold;
mod format;
mod moving;

struct Directory {
    path: tempfile::TempDir,
    options: Options,
}

impl Directory {
    fn new(checkpoint_bytes: u64) -> Self {
        Self::with(Options { checkpoint_bytes, ..Options::default() })
    }

    fn with(options: Options) -> Self {
        Self { path: tempfile::tempdir().unwrap(), options }
    }

    fn try_open(&self) -> Result<EmbeddedStore, JournalError> {
        open(self.path.path(), &self.options)
    }
}

fn open(path: &Path, options: &Options) -> Result<EmbeddedStore, JournalError> {
    EmbeddedStore::open(path, options, Arc::new(Metrics::new().unwrap()))
}

#[async_trait]
impl Place for Directory {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.try_open().unwrap())
    }
}

mod from_the_log {
    use super::*;
    contract_tests!(Directory::new(DEFAULT_CHECKPOINT_BYTES));
}

mod from_checkpoints {
    use super::*;
    contract_tests!(Directory::new(1));
}

/// Every hour leaves memory as soon as it can.
mod from_disk {
    use super::*;
    contract_tests!(Directory::with(Options {
        checkpoint_bytes: 1,
        hot_hours: 0,
        ..Options::default()
    }));
}

/// Memory is for one small hour at most.
mod with_little_memory {
    use super::*;
    contract_tests!(Directory::with(Options { memory_budget: 10_000, ..Options::default() }));
}

fn write(key: &str) -> Write<'static> {
    let name = |text: &str| Name::new(text.to_owned()).unwrap();
    let key = FlowKey { src_app: name(key), dest_app: name("b"), vpc_id: name("v") };
    let flow = Flow { key, hour: 1, counters: Counters::new(1, 2).unwrap() };
    Write { origin: Origin::Direct(None), flows: vec![flow] }
}

#[tokio::test]
async fn a_directory_serves_one_process_at_a_time() {
    let directory = Directory::new(DEFAULT_CHECKPOINT_BYTES);
    let store = directory.try_open().unwrap();
    assert!(matches!(directory.try_open(), Err(JournalError::Locked)));
    store.close().await;
    drop(store);
    assert!(directory.try_open().is_ok());
}

#[test]
fn an_hour_that_is_not_kept_is_not_remembered() {
    let remembered_ms = |retain_hours, dedupe_hours| {
        let options = Options { retain_hours, dedupe_hours, ..Options::default() };
        Keep::of(&options).remembered_ms()
    };
    let lost_after_ms = LOST_AFTER.as_millis() as u64;
    assert_eq!(remembered_ms(None, 5), 5 * HOUR_MS);
    assert_eq!(remembered_ms(NonZeroU32::new(2), 5), 2 * HOUR_MS + lost_after_ms);
    assert_eq!(remembered_ms(NonZeroU32::new(9), 5), 5 * HOUR_MS);
}

#[tokio::test]
async fn a_checkpoint_lets_go_of_the_log_and_of_the_parts_before() {
    let directory = Directory::new(1);
    for round in 0..10 {
        let store = directory.try_open().unwrap();
        store.apply(write(&format!("app-{round}"))).await.unwrap();
        store.close().await;
    }
    let journal = super::Journal::open(directory.path.path()).unwrap();
    let loaded = journal.load(|_| Default::default()).unwrap();
    assert_eq!(loaded.log_bytes, 0, "the log is empty");
    let [stored] = loaded.checkpoint.hours.as_slice() else { panic!("one hour") };
    assert_eq!((stored.hour, stored.generation), (1, loaded.checkpoint.generation));
    assert_eq!(journal.part_count().unwrap(), 2, "one chunk of names, one of records");
    assert_eq!(loaded.checkpoint.log_index, 10);
}

#[tokio::test]
async fn a_directory_of_another_format_is_refused() {
    let directory = Directory::new(1);
    directory.try_open().unwrap().close().await;
    super::Journal::open(directory.path.path()).unwrap().put(
        "meta",
        b"format",
        b"fas embedded store 9",
    );
    match directory.try_open() {
        Err(JournalError::Format(found)) => assert_eq!(found, "fas embedded store 9"),
        other => panic!("{:?}", other.err()),
    }
}

#[tokio::test]
async fn a_log_that_ends_too_early_is_refused() {
    for checkpoint_bytes in [1, DEFAULT_CHECKPOINT_BYTES] {
        let directory = Directory::new(checkpoint_bytes);
        let store = directory.try_open().unwrap();
        for _ in 0..3 {
            store.apply(write("a")).await.unwrap();
        }
        store.close().await;
        let mark = |log_index| {
            super::Journal::open(directory.path.path()).unwrap().set_mark(log_index);
        };
        mark(4);
        match directory.try_open() {
            Err(JournalError::Lost { found: 3, committed: 4 }) => {}
            other => panic!("{:?}", other.err()),
        }
        // What a power failure may leave, and what an operator may do.
        for log_index in [3, 2, 0] {
            mark(log_index);
            directory.try_open().unwrap().close().await;
        }
        std::fs::remove_file(directory.path.path().join("committed")).unwrap();
        directory.try_open().unwrap().close().await;
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(matches!(
        open(&file.path().join("x"), &Options::default()),
        Err(JournalError::Storage(_))
    ));
}

#[tokio::test]
async fn a_full_queue_refuses_and_recovers() {
    let directory = Directory::new(DEFAULT_CHECKPOINT_BYTES);
    let store = directory.try_open().unwrap();
    let size_bytes = super::encode(&write("a")).len();
    let waiting = |spared: usize| {
        let taken = u32::try_from(MAX_QUEUED_BYTES - spared).unwrap();
        Arc::clone(&store.queue_bytes).try_acquire_many_owned(taken).unwrap()
    };
    let others = waiting(size_bytes - 1);
    assert_eq!(store.apply(write("a")).await, Err(ApplyError::Overloaded));
    drop(others);
    let _others = waiting(size_bytes);
    assert_eq!(
        store.apply(write("a")).await.unwrap().status,
        Status::Applied,
        "the last byte is usable"
    );
}

#[tokio::test]
async fn a_failed_store_takes_no_writes_and_says_so() {
    let directory = Directory::new(DEFAULT_CHECKPOINT_BYTES);
    let store = directory.try_open().unwrap();
    store.health.fail("the disk is gone");
    let refused = store.apply(write("a")).await;
    assert_eq!(refused, Err(ApplyError::Unavailable("the disk is gone".to_owned())));
    assert!(store.ready().await.is_err());
    assert!(store.scan(Selection::hour(1), None, None).await.unwrap().next().unwrap().is_none());
}
