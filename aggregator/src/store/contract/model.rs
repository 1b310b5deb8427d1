//! Random writes, reopenings and reads, against a naive model.

use std::collections::BTreeMap;

use flow_model::limits::MAX_COUNTER;
use flow_model::{FlowKey, Hour, Reporter, Status};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use super::{Place, batch, direct, flow, key, status_of};
use crate::store::summary::Groups;
use crate::store::{
    Filter, GroupBy, GroupKey, NameField, OrderBy, Origin, Pattern, Position, Selection, Sides,
    Store, Summary, Totals, Write,
};

type Table = BTreeMap<FlowKey<'static>, Sides>;

/// What a random run does.
#[derive(Clone, Debug)]
enum Step {
    Direct(Vec<(usize, Hour, u64)>),
    Batch { instance: usize, sequence: u64, destination: bool, flows: Vec<(usize, Hour, u64)> },
    Reopen,
    Read { selection: Selection, after: Option<(Hour, usize)>, group_by: GroupBy, limit: usize },
}

fn any_step() -> impl Strategy<Value = Step> {
    // Few keys, hours, instances and sequences, so that they meet; amounts near the range's end
    // now and then.
    let amount = prop_oneof![8 => 0_u64..1000, 1 => Just(MAX_COUNTER / 2), 1 => Just(MAX_COUNTER)];
    let flows = prop::collection::vec((0_usize..6, 0_u32..3, amount), 1..6);
    prop_oneof![
        4 => flows.clone().prop_map(Step::Direct),
        6 => (0_usize..3, 1_u64..12, any::<bool>(), flows).prop_map(
            |(instance, sequence, destination, flows)| {
                Step::Batch { instance, sequence, destination, flows }
            }
        ),
        1 => Just(Step::Reopen),
        4 => any_read(),
    ]
}

/// The oracle: what should be stored.
#[derive(Clone, Default)]
struct Model {
    hours: BTreeMap<Hour, Table>,
    delivered: BTreeMap<String, u64>,
}

impl Model {
    /// Applies a write; none when it is to be refused.
    fn apply(&mut self, write: &Write<'static>) -> Option<Status> {
        let mut next = self.clone();
        if let Origin::Batch(delivery) = &write.origin {
            let last = next.delivered.entry(delivery.instance.to_string()).or_default();
            if delivery.sequence <= *last {
                return Some(Status::Duplicate);
            }
            *last = delivery.sequence;
        }
        for flow in &write.flows {
            let sides =
                next.hours.entry(flow.hour).or_default().entry(flow.key.clone()).or_default();
            let side = sides.side_mut(write.origin.reporter());
            *side = side.checked_add(flow.counters).ok()?;
        }
        *self = next;
        Some(Status::Applied)
    }
}

/// A read of some hours and names.
fn any_read() -> impl Strategy<Value = Step> {
    let pattern = prop_oneof![
        Just(Pattern::Prefix(String::new())),
        "a|b|c|a-".prop_map(Pattern::Prefix),
        "a|b|c|a-b|b-c|v".prop_map(Pattern::Exact),
    ];
    let condition = (0_usize..3, prop::collection::vec(pattern, 0..4));
    let filter = prop::collection::vec(condition, 0..3).prop_map(|conditions| {
        let mut filter = Filter::default();
        for (field, any_of) in conditions {
            filter.require(NameField::ALL[field], any_of);
        }
        filter
    });
    let after = prop::option::of((0_u32..3, 0_usize..KEYS));
    let group_by = any::<([bool; 3], bool)>().prop_map(|(names, hour)| GroupBy { names, hour });
    let reporter = prop::option::of(prop::sample::select(Reporter::ALL.to_vec()));
    (filter, 0_u32..3, 0_u32..4, reporter, after, group_by, 0_usize..8).prop_map(
        |(filter, first, last, reporter, after, group_by, limit)| {
            let selection = Selection { hours: first..=last, filter, reporter };
            Step::Read { selection, after, group_by, limit }
        },
    )
}

const KEYS: usize = 6;

fn keys() -> Vec<FlowKey<'static>> {
    let sources = ["a", "a-b", "b"].into_iter();
    sources.flat_map(|src| ["b-c", "c"].map(|dest| key(src, dest, "v"))).collect()
}

impl Model {
    /// What a scan gives.
    fn scan(&self, selection: &Selection, after: Option<&Position>) -> Vec<(Position, Sides)> {
        let rows = self.hours.iter().flat_map(|(hour, table)| {
            let position = |key: &FlowKey<'static>| Position { hour: *hour, key: key.clone() };
            table.iter().map(move |(key, sides)| (position(key), *sides))
        });
        let seen = rows
            .filter_map(|(position, sides)| Some((position, sides.selected(selection.reporter)?)));
        seen.filter(|(position, _)| {
            selection.hours.contains(&position.hour)
                && selection.filter.matches(&position.key)
                && after.is_none_or(|after| position > after)
        })
        .collect()
    }

    /// What a summary says.
    fn summarize(&self, selection: &Selection, group_by: GroupBy, limit: usize) -> Summary {
        let mut groups = Groups::default();
        for (Position { hour, key }, sides) in self.scan(selection, None) {
            let totals = Totals::of(sides.reconciled());
            groups.add(GroupKey::of(group_by, hour, &key), &totals);
        }
        Summary::largest(groups.into_vec(), OrderBy::BytesTx, limit)
    }
}

pub(crate) async fn random_writes_agree_with_the_model(place: &dyn Place) {
    let mut runner = TestRunner::new(Config::default());
    let steps = prop::collection::vec(any_step(), 300).new_tree(&mut runner).unwrap().current();
    let keys = keys();
    let flows = |list: &[(usize, Hour, u64)]| {
        list.iter().map(|(k, hour, n)| flow(&keys[*k], *hour, *n, n / 3)).collect::<Vec<_>>()
    };
    let mut store = place.open().await;
    let mut model = Model::default();
    for step in &steps {
        let write = match step {
            Step::Direct(list) => direct(flows(list)),
            Step::Batch { instance, sequence, destination, flows: list } => {
                let reporter = Reporter::ALL[usize::from(*destination)];
                batch(&format!("i-{instance}"), *sequence, reporter, flows(list))
            }
            Step::Reopen => {
                store.close().await;
                store = place.open().await;
                continue;
            }
            Step::Read { selection, after, group_by, limit } => {
                let after = after.map(|(hour, k)| Position { hour, key: keys[k].clone() });
                let expected = model.scan(selection, after.as_ref());
                let expected = &expected[..expected.len().min(*limit)];
                let found = scan(&*store, selection, after, *limit).await;
                assert_eq!(found, expected, "{step:?} of {steps:?}");
                let order_by = OrderBy::BytesTx;
                let found = store.summarize(selection.clone(), *group_by, order_by, *limit).await;
                let expected = model.summarize(selection, *group_by, *limit);
                assert_eq!(found.unwrap(), expected, "{step:?} of {steps:?}");
                let by_hour = GroupBy { names: [false; 3], hour: true };
                let mut hours: Vec<_> = model
                    .summarize(selection, by_hour, 9)
                    .groups
                    .into_iter()
                    .map(|group| (group.key.hour.unwrap(), group.totals))
                    .collect();
                hours.sort_by_key(|(hour, _)| *hour);
                assert_eq!(store.hours(selection.clone()).await.unwrap(), hours, "{step:?}");
                continue;
            }
        };
        let expected = model.apply(&write);
        assert_eq!(status_of(store.apply(write).await).ok(), expected, "{step:?} of {steps:?}");
    }
    let all = model.scan(&Selection::all(), None);
    assert_eq!(scan(&*store, &Selection::all(), None, 100).await, all, "{steps:?}");
}

async fn scan(
    store: &dyn Store,
    selection: &Selection,
    after: Option<Position>,
    limit: usize,
) -> Vec<(Position, Sides)> {
    let mut scan = store.scan(selection.clone(), after, Some(limit)).await.unwrap();
    let mut rows = Vec::new();
    while let Some(row) = scan.next().unwrap() {
        rows.push((Position { hour: row.hour, key: row.key.into_owned() }, row.sides));
    }
    rows
}
