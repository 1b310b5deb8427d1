//! `Deltas`: flows of one shard that are to be added, and what several of them come to together.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use flow_model::limits::MAX_COUNTER;
use flow_model::{Counters, Flow, FlowKey, Hour, Reporter};
use xxhash_rust::xxh3::xxh3_64;

use super::layout::{Shard, Source};
use crate::limits::{CALL_FLOW_COST, CALL_SOURCE_COST, MAX_CALL_COST};
use crate::store::{ApplyError, Sides};

/// Flows of one shard, in the order in which they came, in one piece of memory.
#[derive(Debug)]
pub(super) struct Deltas {
    reporter: Reporter,
    text: String,
    list: Vec<Delta>,
    /// The hours and sources, as hashes: those that are not beside each other more than once.
    sources: Vec<(Hour, u64)>,
}

#[derive(Debug)]
struct Delta {
    hour: Hour,
    source: Range<usize>,
    dest: Range<usize>,
    counters: Counters,
    /// The place of the flow in its write.
    index: usize,
}

/// What a call of the script adds to one flow. In order of hour and source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target<'a> {
    pub hour: Hour,
    pub source: &'a str,
    pub dest: &'a str,
}

impl Deltas {
    fn new(reporter: Reporter) -> Self {
        Self { reporter, text: String::new(), list: Vec::new(), sources: Vec::new() }
    }

    /// The flows of a write by shard, in steps that are small enough for a call each. Flows of
    /// hours before `first_hour` are left out, and yet have a place in their step: a resend has
    /// the same steps, also when an hour has ceased to be kept meanwhile. What is added to one
    /// counter is in one step: so steps that fit each by itself fit together.
    pub fn split(
        flows: &[Flow<'_>],
        reporter: Reporter,
        first_hour: Hour,
    ) -> BTreeMap<Shard, Vec<Self>> {
        let mut shards: BTreeMap<Shard, Vec<usize>> = BTreeMap::new();
        for (index, flow) in flows.iter().enumerate() {
            shards.entry(Shard::of_source(&Source::of(&flow.key))).or_default().push(index);
        }
        let steps = shards.into_iter().map(|(shard, indices)| {
            let flows: Vec<(usize, &Flow<'_>)> =
                indices.into_iter().filter_map(|at| Some((at, flows.get(at)?))).collect();
            let mut steps: Vec<Self> = Vec::new();
            let mut places = Places::of(&flows);
            for (index, flow) in flows {
                let step = places.step_of(flow);
                steps.resize_with(steps.len().max(step + 1), || Self::new(reporter));
                if let Some(step) = steps.get_mut(step).filter(|_| flow.hour >= first_hour) {
                    step.push(index, flow, &Source::of(&flow.key));
                }
            }
            (shard, steps)
        });
        steps.filter(|(_, steps)| steps.iter().any(|step| step.len() > 0)).collect()
    }

    fn push(&mut self, index: usize, flow: &Flow<'_>, source: &Source<'_>) {
        let packed = source.packed();
        let last = self.list.last().map(|last| last.source.clone());
        let same = last.filter(|last| self.text.get(last.clone()) == Some(packed.as_str()));
        let source = same.unwrap_or_else(|| append(&mut self.text, &packed));
        let hashed = (flow.hour, xxh3_64(packed.as_bytes()));
        if self.sources.last() != Some(&hashed) {
            self.sources.push(hashed);
        }
        let dest = append(&mut self.text, &flow.key.dest_app);
        self.list.push(Delta { hour: flow.hour, source, dest, counters: flow.counters, index });
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The sources that they are of, hour by hour, as hashes; some may come more than once.
    pub fn sources(&self) -> impl Iterator<Item = (Hour, u64)> {
        self.sources.iter().copied()
    }

    /// What they take in memory, about.
    pub fn size_bytes(&self) -> usize {
        self.text.len() + self.list.len() * size_of::<Delta>()
    }

    /// All their bytes, both directions together.
    pub fn sum_bytes(&self) -> u128 {
        self.list.iter().map(|delta| u128::from(delta.counters.bytes_total())).sum()
    }

    /// The hours that they are of.
    pub fn hours(&self) -> impl Iterator<Item = Hour> {
        self.list.iter().map(|delta| delta.hour)
    }

    /// Each flow once, with its sum, or the largest counter where that leaves the range.
    pub fn largest(&self) -> Vec<(Target<'_>, Sides)> {
        let mut sums: BTreeMap<Target<'_>, Sides> = BTreeMap::new();
        for (target, delta) in self.iter() {
            let side = sums.entry(target).or_default().side_mut(self.reporter);
            let sum = |a: u64, b: u64| a.saturating_add(b).min(MAX_COUNTER);
            let (tx, rx) = (delta.counters.bytes_tx(), delta.counters.bytes_rx());
            let sums = Counters::new(sum(side.bytes_tx(), tx), sum(side.bytes_rx(), rx));
            *side = sums.unwrap_or_default();
        }
        sums.into_iter().collect()
    }

    fn iter(&self) -> impl Iterator<Item = (Target<'_>, &Delta)> {
        let text = |range: &Range<usize>| self.text.get(range.clone()).unwrap_or_default();
        self.list.iter().map(move |delta| {
            let (source, dest) = (text(&delta.source), text(&delta.dest));
            (Target { hour: delta.hour, source, dest }, delta)
        })
    }

    /// Which flow makes the first sum that leaves the range of a counter, given what is stored.
    pub fn overflow(&self, stored: impl Fn(&Target<'_>) -> Sides) -> Option<ApplyError> {
        let mut sums: BTreeMap<Target<'_>, Sides> = BTreeMap::new();
        for (target, delta) in self.iter() {
            let sum = sums.entry(target).or_insert_with(|| stored(&target));
            let side = sum.side_mut(self.reporter);
            match side.checked_add(delta.counters) {
                Ok(more) => *side = more,
                Err(error) => {
                    return Some(ApplyError::Overflow { index: delta.index, field: error.field });
                }
            }
        }
        None
    }
}

/// In which step of a shard the counters of a flow are changed.
#[derive(Default)]
struct Places<'a> {
    /// Whether all that is to be added is little enough for one step.
    is_one: bool,
    steps: HashMap<(Hour, &'a FlowKey<'a>), usize>,
    sources: HashSet<(Hour, Source<'a>)>,
}

impl<'a> Places<'a> {
    fn of(flows: &[(usize, &'a Flow<'a>)]) -> Self {
        let source = |(_, flow): &(usize, &'a Flow<'a>)| (flow.hour, Source::of(&flow.key));
        // Those of one source are most often beside each other.
        let sources = flows.chunk_by(|a, b| source(a) == source(b)).count();
        Self { is_one: cost(flows.len(), sources) <= MAX_CALL_COST, ..Self::default() }
    }

    fn step_of(&mut self, flow: &'a Flow<'a>) -> usize {
        if self.is_one {
            return 0;
        }
        let next = cost(self.steps.len(), self.sources.len()) / MAX_CALL_COST;
        self.sources.insert((flow.hour, Source::of(&flow.key)));
        *self.steps.entry((flow.hour, &flow.key)).or_insert(next)
    }
}

/// What it costs a node to add to so many flows of so many sources.
pub(super) fn cost(flows: usize, sources: usize) -> usize {
    flows * CALL_FLOW_COST + sources * CALL_SOURCE_COST
}

/// What several deltas come to, each flow once, in order; none if a sum leaves the range.
pub(super) fn merge<'a>(all: impl Iterator<Item = &'a Deltas>) -> Option<Vec<(Target<'a>, Sides)>> {
    let mut list: Vec<(Target<'a>, Sides)> = Vec::new();
    for deltas in all {
        list.extend(deltas.iter().map(|(target, delta)| {
            let mut sides = Sides::default();
            *sides.side_mut(deltas.reporter) = delta.counters;
            (target, sides)
        }));
    }
    list.sort_unstable_by_key(|(target, _)| *target);
    let mut merged: Vec<(Target<'a>, Sides)> = Vec::with_capacity(list.len());
    for (target, sides) in list {
        match merged.last_mut().filter(|(last, _)| *last == target) {
            Some((_, sum)) => *sum = sum.checked_add(sides).ok()?,
            None => merged.push((target, sides)),
        }
    }
    Some(merged)
}

fn append(text: &mut String, part: &str) -> Range<usize> {
    let start = text.len();
    text.push_str(part);
    start..text.len()
}

#[cfg(test)]
mod tests {
    use flow_model::{FlowKey, Name};

    use super::*;

    /// So many flows of one source make a step.
    const STEP_FLOWS: usize = (MAX_CALL_COST - CALL_SOURCE_COST) / CALL_FLOW_COST;

    fn flow(src: &str, dest: &str, hour: Hour, tx: u64) -> Flow<'static> {
        let name = |text: &str| Name::new(text.to_owned()).unwrap();
        let key = FlowKey { src_app: name(src), dest_app: name(dest), vpc_id: name("v") };
        Flow { key, hour, counters: Counters::new(tx, 1).unwrap() }
    }

    fn one(flows: &[Flow<'_>]) -> Deltas {
        let mut steps = Deltas::split(flows, Reporter::Destination, 0);
        assert_eq!(steps.len(), 1);
        steps.pop_first().unwrap().1.pop().unwrap()
    }

    #[test]
    fn flows_of_one_key_become_one() {
        let a = one(&[flow("a", "x", 2, 1), flow("a", "w", 2, 2), flow("a", "x", 2, 4)]);
        let b = one(&[flow("a", "x", 1, 8), flow("a", "x", 2, 16)]);
        let merged = merge([&a, &b].into_iter()).unwrap();
        let sums: Vec<_> = merged
            .iter()
            .map(|(target, sides)| {
                assert_eq!((target.source, sides.source), ("a\0v", Counters::default()));
                (target.hour, target.dest, sides.destination.bytes_tx())
            })
            .collect();
        assert_eq!(sums, [(1, "x", 8), (2, "w", 2), (2, "x", 21)]);
        let full = one(&[flow("a", "x", 2, MAX_COUNTER)]);
        assert!(merge([&a, &full].into_iter()).is_none());
    }

    #[test]
    fn steps_are_small_and_keep_the_order() {
        let flows: Vec<_> =
            (0..STEP_FLOWS + 1).map(|n| flow("a", &format!("d{n}"), 1, n as u64)).collect();
        let steps = Deltas::split(&flows, Reporter::Source, 0);
        let steps: Vec<&Deltas> = steps.values().flatten().collect();
        assert_eq!(steps.iter().map(|step| step.len()).collect::<Vec<_>>(), [STEP_FLOWS, 1]);
        assert_eq!(steps[1].list[0].index, STEP_FLOWS);
    }

    #[test]
    fn what_is_added_to_one_counter_is_in_one_step() {
        let mut flows: Vec<_> =
            (0..STEP_FLOWS + 1).map(|n| flow("a", &format!("d{n}"), 1, 1)).collect();
        flows.push(flow("a", "d0", 1, 1));
        flows.push(flow("a", "d0", 2, 1));
        let steps = Deltas::split(&flows, Reporter::Source, 0);
        let lens: Vec<usize> = steps.values().flatten().map(Deltas::len).collect();
        assert_eq!(lens, [STEP_FLOWS + 1, 2]);
    }

    #[test]
    fn flows_of_many_hours_make_smaller_steps() {
        let flows: Vec<_> = (0..1_000).map(|hour| flow("a", "x", hour, 1)).collect();
        let steps = Deltas::split(&flows, Reporter::Source, 0);
        for step in steps.values().flatten() {
            assert!(cost(step.len() - 1, step.sources().count() - 1) < MAX_CALL_COST);
        }
        assert_eq!(steps.values().flatten().map(Deltas::len).sum::<usize>(), 1_000);
        assert!(steps.values().flatten().count() > 1);
    }

    #[test]
    fn what_is_not_kept_leaves_its_place_empty() {
        let old = |n| flow("a", &format!("x{n}"), 1, 1);
        let mut flows: Vec<_> = (0..STEP_FLOWS).map(old).collect();
        flows.push(flow("a", "y", 2, 1));
        flows.push(flow("b", "y", 1, 1));
        let steps = Deltas::split(&flows, Reporter::Source, 2);
        let lens: Vec<usize> = steps.values().flatten().map(Deltas::len).collect();
        assert_eq!(lens, [0, 1], "and nothing of a shard that has nothing else");
    }

    #[test]
    fn the_first_flow_that_does_not_fit_is_named() {
        let deltas = one(&[flow("a", "x", 2, 1), flow("a", "y", 2, 5), flow("a", "y", 2, 6)]);
        let stored = |tx| {
            move |target: &Target<'_>| Sides {
                destination: Counters::new(if target.dest == "y" { tx } else { 0 }, 0).unwrap(),
                ..Sides::default()
            }
        };
        assert_eq!(deltas.overflow(stored(MAX_COUNTER - 11)), None);
        let error = |index| Some(ApplyError::Overflow { index, field: "bytes_tx" });
        assert_eq!(deltas.overflow(stored(MAX_COUNTER - 10)), error(2));
        assert_eq!(deltas.overflow(stored(MAX_COUNTER)), error(1));
    }
}
