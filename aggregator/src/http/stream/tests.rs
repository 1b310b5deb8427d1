//! Streams over a store whose changes are told by the test.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use flow_model::{Counters, FlowKey, Hour, Name};
use futures_util::{Stream, StreamExt};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::follower::{Follower, Pace};
use super::outlet;
use crate::limits::MAX_STREAM_EVENT_ROWS;
use crate::store::{
    Applied, ApplyError, ChangeSet, ChangedRow, Changes, ChangesError, GroupBy, Instance, NotReady,
    OrderBy, Position, ReadError, Scan, Selection, Sides, Store, Summary, Totals, Visit, Write,
};

/// What a follower is going to be told, and where those began who asked.
#[derive(Default)]
struct Told {
    next: Mutex<VecDeque<Result<ChangeSet, ChangesError>>>,
    more: Notify,
    began: Mutex<Vec<Option<u64>>>,
}

impl Told {
    fn push(&self, change: Result<ChangeSet, ChangesError>) {
        self.next.lock().unwrap().push_back(change);
        self.more.notify_one();
    }
}

struct FakeChanges {
    told: Arc<Told>,
    up_to: u64,
}

#[async_trait]
impl Changes for FakeChanges {
    fn up_to(&self) -> u64 {
        self.up_to
    }

    async fn next(&mut self) -> Result<ChangeSet, ChangesError> {
        loop {
            let next = self.told.next.lock().unwrap().pop_front();
            if let Some(change) = next {
                self.up_to = change.as_ref().map_or(self.up_to, |set| set.up_to);
                return change;
            }
            self.told.more.notified().await;
        }
    }
}

/// A store that has nothing but changes.
struct FakeStore(Arc<Told>);

#[async_trait]
impl Store for FakeStore {
    async fn apply(&self, _: Write<'_>) -> Result<Applied, ApplyError> {
        Err(ApplyError::Overloaded)
    }

    async fn scan(
        &self,
        _: Selection,
        _: Option<Position>,
        _: Option<usize>,
    ) -> Result<Box<dyn Scan>, ReadError> {
        Err(ReadError("none".to_owned()))
    }

    async fn summarize(
        &self,
        _: Selection,
        _: GroupBy,
        _: OrderBy,
        _: usize,
    ) -> Result<Summary, ReadError> {
        Ok(Summary::default())
    }

    async fn hours(&self, _: Selection) -> Result<Vec<(Hour, Totals)>, ReadError> {
        Ok(Vec::new())
    }

    async fn instances(&self, _: Option<&str>, _: usize) -> Result<Vec<Instance>, ReadError> {
        Ok(Vec::new())
    }

    async fn restore(&self, _: &Instance) -> Result<(), ApplyError> {
        Ok(())
    }

    async fn survey(&self, _: Visit<'_>) -> Result<(), ReadError> {
        Ok(())
    }

    fn remembers_since_ms(&self) -> u64 {
        0
    }

    fn heard_until_ms(&self) -> u64 {
        0
    }

    async fn changes(
        &self,
        _: Selection,
        after: Option<u64>,
    ) -> Result<Box<dyn Changes>, ReadError> {
        self.0.began.lock().unwrap().push(after);
        Ok(Box::new(FakeChanges { told: Arc::clone(&self.0), up_to: after.unwrap_or(10) }))
    }

    async fn ready(&self) -> Result<(), NotReady> {
        Ok(())
    }

    async fn close(&self) {}
}

const QUICK: Pace = Pace {
    interval: Duration::from_millis(1),
    keep_alive: Duration::from_secs(60),
    stall: Duration::from_secs(60),
};

/// A stream under test.
struct Fixture {
    told: Arc<Told>,
    over: Arc<Notify>,
    messages: Pin<Box<dyn Stream<Item = String>>>,
    task: tokio::task::JoinHandle<()>,
}

fn open(after: Option<u64>, pace: Pace) -> Fixture {
    let (told, over) = (Arc::<Told>::default(), Arc::<Notify>::default());
    let (outlet, messages) = outlet::pair(pace.stall);
    let store = Arc::new(FakeStore(Arc::clone(&told)));
    let follower = Follower::new(store, Selection::all(), after, outlet, pace);
    let end = Arc::clone(&over);
    let task = tokio::spawn(async move { follower.run(end.notified()).await });
    let messages = messages.map(|message| String::from_utf8(message.unwrap()).unwrap());
    Fixture { told, over, messages: Box::pin(messages), task }
}

impl Fixture {
    /// The next message; none after the end.
    async fn next(&mut self) -> Option<String> {
        timeout(Duration::from_secs(30), self.messages.next()).await.unwrap()
    }
}

fn changes(up_to: u64, rows: usize) -> ChangeSet {
    let name = |text: String| Name::new(text).unwrap();
    let row = |n: usize| {
        let key = FlowKey {
            src_app: name(format!("app-{n:05}")),
            dest_app: name("b".to_owned()),
            vpc_id: name("v".to_owned()),
        };
        let sides = Sides { source: Counters::new(up_to, 0).unwrap(), ..Sides::default() };
        ChangedRow { hour: 7, key, sides }
    };
    ChangeSet { up_to, rows: (0..rows).map(row).collect() }
}

#[tokio::test]
async fn it_begins_with_hello_and_goes_on_with_changes() {
    let mut stream = open(None, QUICK);
    assert_eq!(stream.next().await.unwrap(), "event: hello\nid: 10\ndata: {}\n\n");
    stream.told.push(Ok(changes(11, 0)));
    stream.told.push(Ok(changes(12, 1)));
    let flow = r#"{"src_app":"app-00000","dest_app":"b","vpc_id":"v","bytes_tx":12,"bytes_rx":0,"hour":7}"#;
    let expected = format!("event: flows\nid: 12\ndata: {{\"flows\":[{flow}]}}\n\n");
    assert_eq!(stream.next().await.unwrap(), expected, "a set of none is not an event");
}

#[tokio::test]
async fn a_large_set_is_split_and_only_its_end_can_be_resumed_from() {
    let mut stream = open(Some(5), QUICK);
    assert!(stream.next().await.unwrap().contains("\nid: 5\n"));
    stream.told.push(Ok(changes(6, 2 * MAX_STREAM_EVENT_ROWS + 1)));
    for (rows, id) in [(MAX_STREAM_EVENT_ROWS, false), (MAX_STREAM_EVENT_ROWS, false), (1, true)] {
        let event = stream.next().await.unwrap();
        assert_eq!(event.matches("\"src_app\"").count(), rows);
        assert_eq!(event.contains("\nid: 6\n"), id);
        assert_eq!(event.matches("\n\n").count(), 1);
    }
}

#[tokio::test]
async fn who_missed_something_is_told_and_goes_on_from_there() {
    let mut stream = open(Some(5), QUICK);
    stream.next().await.unwrap();
    stream.told.push(Err(ChangesError::Missed { up_to: 99 }));
    let reset = stream.next().await.unwrap();
    assert!(reset.starts_with("event: reset\nid: 99\ndata: {\"reason\":"), "{reset}");
    stream.told.push(Ok(changes(100, 1)));
    assert!(stream.next().await.unwrap().contains("\nid: 100\n"));
    assert_eq!(*stream.told.began.lock().unwrap(), [Some(5), Some(99)]);
}

#[tokio::test]
async fn a_quiet_stream_shows_that_it_is_alive_and_where_it_is() {
    let mut stream = open(None, Pace { keep_alive: Duration::from_millis(20), ..QUICK });
    stream.next().await.unwrap();
    stream.told.push(Ok(changes(12, 0)));
    // The first may come before the change has been seen.
    let mut message = stream.next().await.unwrap();
    while message == ": keep-alive\n\n" {
        message = stream.next().await.unwrap();
    }
    assert_eq!(message, ": keep-alive\nid: 12\n\n");
    assert_eq!(stream.next().await.unwrap(), ": keep-alive\n\n", "once is enough");
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_dropped_with_a_message() {
    let mut stream = open(None, Pace { stall: Duration::from_millis(50), ..QUICK });
    for up_to in 11..20 {
        stream.told.push(Ok(changes(up_to, 1)));
    }
    timeout(Duration::from_secs(30), &mut stream.task).await.unwrap().unwrap();
    let mut taken = Vec::new();
    while let Some(message) = stream.next().await {
        taken.push(message);
    }
    assert!(taken.len() < 5, "it did not pile up: {taken:?}");
    assert!(taken.last().unwrap().starts_with("event: dropped\ndata: {"), "{taken:?}");
}

#[tokio::test]
async fn it_ends_with_the_reader_the_store_or_the_process() {
    let mut stream = open(None, QUICK);
    stream.next().await.unwrap();
    drop(stream.messages);
    timeout(Duration::from_secs(30), stream.task).await.unwrap().unwrap();

    let mut stream = open(None, QUICK);
    stream.next().await.unwrap();
    stream.told.push(Err(ChangesError::Closed));
    assert_eq!(stream.next().await, None);

    let mut stream = open(None, QUICK);
    stream.next().await.unwrap();
    stream.over.notify_one();
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn changes_come_no_faster_than_the_interval() {
    let interval = Duration::from_millis(30);
    let mut stream = open(None, Pace { interval, ..QUICK });
    stream.next().await.unwrap();
    let start = std::time::Instant::now();
    for up_to in 11..15 {
        stream.told.push(Ok(changes(up_to, 1)));
    }
    for _ in 11..15 {
        stream.next().await.unwrap();
    }
    assert!(start.elapsed() >= 2 * interval);
}
