//! The embedded store against a `BTreeMap`: writes, resends, late hours and reopenings, with
//! checkpoints all the time and hours that leave memory at once.
#![no_main]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use aggregator::metrics::Metrics;
use aggregator::store::embedded::{EmbeddedStore, Options};
use aggregator::store::{Origin, Selection, Store, Write, WriteKey};
use flow_model::{Counters, Flow, FlowKey, Name, Status};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

type Model = BTreeMap<(u32, FlowKey<'static>), (u64, u64)>;

fuzz_target!(|bytes: &[u8]| RUNTIME.block_on(run(bytes)));

async fn run(bytes: &[u8]) {
    let directory = tempfile::tempdir().expect("a directory");
    let options = Options { checkpoint_bytes: 1, hot_hours: 1, ..Options::default() };
    let open = || {
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        EmbeddedStore::open(directory.path(), &options, metrics).expect("it opens")
    };
    let mut store = open();
    let mut model = Model::new();
    let mut used: BTreeMap<u8, u8> = BTreeMap::new();
    for step in bytes.chunks_exact(4).take(64) {
        let [kind, name, hour, amount] = *step else { continue };
        if kind == 0 {
            store.close().await;
            drop(store);
            store = open();
            continue;
        }
        let key = key(name);
        let counters = Counters::new(amount.into(), 1).expect("small");
        let flow = Flow { key: key.clone(), hour: u32::from(hour % 5), counters };
        // Every other write has one of a few keys.
        let write_key = (kind % 2 == 0).then_some(kind % 16);
        let origin = Origin::Direct(
            write_key.map(|write_key| WriteKey { key: vec![write_key], fingerprint: [amount; 32] }),
        );
        let outcome = store.apply(Write { origin, flows: vec![flow] }).await;
        let expected = match write_key {
            Some(write_key) => match used.get(&write_key) {
                Some(before) if *before == amount => Some(Status::Duplicate),
                Some(_) => None,
                None => Some(Status::Applied),
            },
            None => Some(Status::Applied),
        };
        assert_eq!(outcome.ok().map(|applied| applied.status), expected);
        if expected == Some(Status::Applied) {
            let sum = model.entry((u32::from(hour % 5), key)).or_default();
            *sum = (sum.0 + u64::from(amount), sum.1 + 1);
            used.extend(write_key.map(|write_key| (write_key, amount)));
        }
    }
    check(&store, &model).await;
    store.close().await;
    drop(store);
    check(&open(), &model).await;
}

fn key(n: u8) -> FlowKey<'static> {
    let name = |text: String| Name::new(text).expect("a name");
    FlowKey {
        src_app: name(format!("s{}", n % 7)),
        dest_app: name(format!("d{}", n / 7 % 5)),
        vpc_id: name("v".to_owned()),
    }
}

async fn check(store: &EmbeddedStore, model: &Model) {
    let mut scan = store.scan(Selection::all(), None, None).await.expect("it can be read");
    let mut found = Vec::new();
    while let Some(row) = scan.next().expect("it can be read") {
        let counters = row.sides.reconciled();
        let sum = (counters.bytes_tx(), counters.bytes_rx());
        found.push(((row.hour, row.key.into_owned()), sum));
    }
    let expected: Vec<_> = model.clone().into_iter().collect();
    assert_eq!(found, expected);
    let hours = store.hours(Selection::all()).await.expect("it can be read");
    let total: u128 = hours.iter().map(|(_, totals)| totals.bytes_total()).sum();
    let expected: u64 = model.values().map(|(tx, rx)| tx + rx).sum();
    assert_eq!(total, expected.into());
}
