//! `HourReport`: one hour, with the instances that keep it from being complete.

use std::cmp::Reverse;

use flow_model::Hour;

use super::{Counts, Life, Standing, Times, Verdict, verdict};
use crate::store::first::First;
use crate::store::{Loss, Progress};

/// What is known of an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HourReport {
    /// Whether it is complete.
    pub verdict: Verdict,
    /// How many instances are what.
    pub counts: Counts,
    /// How many of those that were there have a skewed clock.
    pub skewed_count: u64,
    /// Bytes reported lost or folded in it.
    pub loss: Loss,
    /// Those that are outstanding, the furthest behind first.
    pub outstanding: Vec<Witness>,
    /// Those that are lost, the furthest behind first.
    pub lost: Vec<Witness>,
    /// Those whose clock is skewed, the furthest off first.
    pub skewed: Vec<Witness>,
}

/// An instance that has to do with an hour.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Witness {
    /// Its id.
    pub id: String,
    /// See [`Progress::watermark_ms`].
    pub watermark_ms: u64,
    /// See [`Progress::last_seen_ms`].
    pub last_seen_ms: u64,
    /// See [`Progress::clock_offset_ms`].
    pub clock_offset_ms: Option<i64>,
}

/// A report that is being made.
pub struct ReportMaker {
    hour: Hour,
    times: Times,
    counts: Counts,
    skewed_count: u64,
    loss: Loss,
    /// The first hour in which an instance was.
    first: Option<u64>,
    outstanding: First<u64, Witness>,
    lost: First<u64, Witness>,
    lost_before: First<u64, Witness>,
    skewed: First<Reverse<u64>, Witness>,
}

impl HourReport {
    /// Begins a report that names at most `limit` instances of a kind.
    pub fn of(hour: Hour, times: Times, limit: usize) -> ReportMaker {
        ReportMaker {
            hour,
            times,
            counts: Counts::default(),
            skewed_count: 0,
            loss: Loss { hour, ..Loss::default() },
            first: None,
            outstanding: First::new(limit),
            lost: First::new(limit),
            lost_before: First::new(limit),
            skewed: First::new(limit),
        }
    }
}

impl ReportMaker {
    /// Takes in an instance.
    pub fn add(&mut self, id: &str, progress: &Progress) {
        for loss in progress.losses.iter().filter(|loss| loss.hour == self.hour) {
            self.loss.add(loss);
        }
        let life = Life::of(progress, &self.times);
        self.first = Some(self.first.map_or(life.first, |first| first.min(life.first)));
        let standing = life.standing(self.hour.into());
        self.counts.add(standing, 1);
        let Some(standing) = standing else { return };
        let witness = || Witness {
            id: id.to_owned(),
            watermark_ms: progress.watermark_ms,
            last_seen_ms: progress.last_seen_ms,
            clock_offset_ms: progress.clock_offset_ms,
        };
        if progress.is_skewed() && standing != Standing::LostBefore {
            let offset_ms = progress.clock_offset_ms.map_or(0, i64::unsigned_abs);
            self.skewed.offer(Reverse(offset_ms), witness);
            self.skewed_count += 1;
        }
        match standing {
            Standing::Reported => {}
            Standing::Outstanding => self.outstanding.offer(progress.watermark_ms, witness),
            Standing::Lost => self.lost.offer(progress.watermark_ms, witness),
            Standing::LostBefore => self.lost_before.offer(progress.watermark_ms, witness),
        }
    }

    /// The report on all that were taken in.
    pub fn finish(self) -> HourReport {
        let counts = self.counts.judged();
        // Who was lost before is lost for an hour that has nobody else.
        let has_others = counts.lost_before == self.counts.lost_before;
        let lost = if has_others { self.lost } else { self.lost.or(self.lost_before) };
        HourReport {
            verdict: verdict(self.hour, &self.times, &counts, &self.loss, self.first),
            counts,
            skewed_count: self.skewed_count,
            loss: self.loss,
            outstanding: self.outstanding.into_vec(),
            lost: lost.into_vec(),
            skewed: self.skewed.into_vec(),
        }
    }
}
