//! Directories of the format before: what version 1 wrote is read, and written anew.

use flow_model::Counters;
use flow_model::limits::MAX_COUNTER;

use super::*;
use crate::store::{Position, Sides};

/// The keys and values of a directory that format 1 was written to: three hours in a checkpoint,
/// and two entries in the log after it.
const FORMAT_1: &str = include_str!("../../../../tests/golden/store-format-1.txt");

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

fn sides(source: (u64, u64), destination: (u64, u64)) -> Sides {
    Sides {
        source: Counters::new(source.0, source.1).unwrap(),
        destination: Counters::new(destination.0, destination.1).unwrap(),
    }
}

async fn contents(store: &dyn Store) -> Vec<(Position, Sides)> {
    let mut scan = store.scan(Selection::all(), None, None).await.unwrap();
    let mut rows = Vec::new();
    while let Some(row) = scan.next().unwrap() {
        rows.push((Position { hour: row.hour, key: row.key.into_owned() }, row.sides));
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn format_1_is_read_and_written_anew() {
    let directory = Directory::new(1);
    {
        let journal = super::super::Journal::open(directory.path.path()).unwrap();
        for line in FORMAT_1.lines() {
            let [keyspace, key, value] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            journal.put(keyspace, &unhex(key), &unhex(value));
        }
    }
    let row = |hour, src: &str, dest: &str, vpc: &str, sides| {
        let name = |text: &str| Name::new(text.to_owned()).unwrap();
        let key = FlowKey { src_app: name(src), dest_app: name(dest), vpc_id: name(vpc) };
        (Position { hour, key }, sides)
    };
    let expected = [
        row(3, "z", "y", "x", sides((1, 1), (0, 0))),
        row(490_000, "a|b", "日本", "vpc-2", sides((1, 2), (0, 0))),
        row(490_000, "new", "db", "vpc-1", sides((1, 1), (0, 0))),
        row(490_000, "web", "cache", "vpc-1", sides((0, 0), (5, 5))),
        row(490_000, "web", "db", "vpc-1", sides((1110, 2220), (9, 25))),
        row(490_001, "_other", "_unknown", "vpc-1", sides((MAX_COUNTER, 7), (0, 0))),
        row(490_002, "web", "db", "vpc-1", sides((7, 8), (0, 0))),
    ];
    for _ in 0..3 {
        let store = directory.try_open().unwrap();
        assert_eq!(contents(&store).await, expected);
        let instances = store.instances(None, 9).await.unwrap();
        let known: Vec<_> =
            instances.iter().map(|i| (i.id.as_str(), i.progress.sequence)).collect();
        assert_eq!(known, [("sidecar~1", 2), ("sidecar~2", 7)]);
        store.close().await;
        drop(store);
    }
    let journal = super::super::Journal::open(directory.path.path()).unwrap();
    let loaded = journal.load(|_| Default::default()).unwrap();
    assert!(loaded.checkpoint.hours.iter().all(|stored| stored.is_sorted), "written anew");
    assert_eq!(journal.format().unwrap(), b"fas embedded store 2");
}
