//! The workload: many instances of fewer apps. The instances of an app all report the same flows.

use crate::encode::{BatchHead, batch_request};
use crate::random::Random;
use crate::record::{Key, NAME_LENGTH, Record, SEED, app};
use crate::report::short;
use crate::tally::Tally;

/// Instances and hours of their own, so that what was measured before does not count again.
#[derive(Clone, Copy, Debug)]
pub struct Phase(pub u32);

impl Phase {
    /// The hour that its flows are of.
    pub fn hour(self) -> u32 {
        490_000 + self.0
    }
}

/// Who pushes what.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    pub phase: Phase,
    pub instances: u64,
    pub apps: u64,
    /// The flows of an app, which are in every batch of each of its instances.
    pub flows: u64,
}

/// What is pushed, and what it comes to.
pub struct Pushes {
    /// The batches of each instance, as requests.
    pub requests: Vec<Vec<Vec<u8>>>,
    pub expected: Tally,
    pub batches: u64,
    pub records: u64,
}

impl Crowd {
    /// 1,000 instances of 50 apps, which have 5,000 flows.
    pub fn of(phase: Phase) -> Self {
        Self { phase, instances: 1_000, apps: 50, flows: 100 }
    }

    /// In words, for the table.
    pub fn describe(self) -> String {
        let Self { instances, apps, flows, .. } = self;
        format!(
            "{} instances of {apps} apps push the same {} flows, {flows} a batch, names of \
             {NAME_LENGTH} characters, a connection each",
            short(instances),
            short(apps * flows)
        )
    }

    /// So many batches of each instance.
    pub fn pushes(self, rounds: u64) -> Pushes {
        let mut expected = Tally::of(self.apps.min(self.instances) * self.flows);
        let requests = (0..self.instances).map(|instance| {
            self.each_batch(instance, rounds)
                .map(|(head, records)| {
                    records.iter().for_each(|record| expected.add(record, 1));
                    let (sequence, reporter) = (head.sequence, "source");
                    let head = BatchHead { instance: &head.id, sequence, reporter };
                    batch_request(head, &records, self.phase.hour())
                })
                .collect()
        });
        let requests = requests.collect();
        let batches = self.instances * rounds;
        Pushes { requests, expected, batches, records: batches * self.flows }
    }

    /// The batches of an instance, before they are made requests.
    pub fn each_batch(
        self,
        instance: u64,
        rounds: u64,
    ) -> impl Iterator<Item = (Head, Vec<Record>)> {
        let mut random = Random::new(SEED + instance);
        let source = instance % self.apps.max(1);
        let id = format!("{}/18da4b2c6f1e{:04x}.{instance:06x}.3", app(source), self.phase.0);
        (1..=rounds).map(move |sequence| {
            let record = |destination| Record {
                key: Key { source, destination },
                bytes_tx: 100 + random.below(10_000),
                bytes_rx: 100 + random.below(1_000_000),
            };
            (Head { id: id.clone(), sequence }, (0..self.flows).map(record).collect())
        })
    }
}

/// Whose batch it is, and its number.
pub struct Head {
    pub id: String,
    pub sequence: u64,
}
