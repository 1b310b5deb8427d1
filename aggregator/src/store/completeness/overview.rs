//! `Overview`: all hours at a time, without the names of instances.

use std::collections::BTreeMap;

use flow_model::Hour;

use super::{Counts, Life, Times, Verdict, verdict};
use crate::store::{Loss, Progress};

/// What is known of all hours.
#[derive(Debug)]
pub struct Overview {
    times: Times,
    /// How the counts change from one hour to the next.
    turns: BTreeMap<u64, Counts>,
    losses: BTreeMap<Hour, Loss>,
    /// The first hour in which an instance was.
    first: Option<u64>,
}

impl Overview {
    /// An overview without instances.
    pub fn new(times: Times) -> Self {
        Self { times, turns: BTreeMap::new(), losses: BTreeMap::new(), first: None }
    }

    /// Takes in an instance.
    pub fn add(&mut self, progress: &Progress) {
        let life = Life::of(progress, &self.times);
        self.first = Some(self.first.map_or(life.first, |first| first.min(life.first)));
        let mut turns = life.turns();
        turns.sort_unstable();
        let mut before = None;
        for hour in turns {
            let standing = life.standing(hour);
            let counts = self.turns.entry(hour).or_default();
            counts.add(before, -1);
            counts.add(standing, 1);
            before = standing;
        }
        for loss in &progress.losses {
            self.losses.entry(loss.hour).or_default().add(loss);
        }
    }

    /// The verdict on an hour.
    pub fn verdict(&self, hour: Hour) -> Verdict {
        let mut counts = Counts::default();
        for (_, change) in self.turns.range(..=u64::from(hour)) {
            counts.reported += change.reported;
            counts.outstanding += change.outstanding;
            counts.lost += change.lost;
            counts.lost_before += change.lost_before;
        }
        let loss = self.losses.get(&hour).copied().unwrap_or_default();
        verdict(hour, &self.times, &counts.judged(), &loss, self.first)
    }
}
