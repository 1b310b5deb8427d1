//! `Instance`: what a filter's instance has delivered so far, and what it says of itself.

use flow_model::flow::hour_of_ms;
use flow_model::limits::MAX_COUNTER;
use flow_model::{Hour, Reporter};

use super::Delivery;
use crate::limits::{MAX_CLOCK_OFFSET, MAX_LOSS_HOURS};

/// An instance that has delivered batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// How far it has come.
    pub progress: Progress,
}

/// How far an instance has come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Progress {
    /// The sequence of its last batch.
    pub sequence: u64,
    /// The side of its last batch.
    pub reporter: Reporter,
    /// The watermark of its last batch, in milliseconds since the Unix epoch, by its own clock.
    pub watermark_ms: u64,
    /// Bytes that it reported lost, in all; it stops at the largest counter.
    pub lost_bytes: u64,
    /// Bytes that it folded into `_other` rows, in all; it stops at the largest counter.
    pub folded_bytes: u64,
    /// What of these it reported when, in order of hours; at most [`MAX_LOSS_HOURS`].
    pub losses: Vec<Loss>,
    /// Whether its last batch said that it has ended.
    pub ended: bool,
    /// How far its clock was ahead of ours when its last batch arrived, in milliseconds; negative
    /// when it was behind. None if it does not tell its clock.
    pub clock_offset_ms: Option<i64>,
    /// The first hour that it reported flows of, or could have; 0 if that was not noted.
    pub first_hour: Hour,
    /// When its last batch arrived, in milliseconds since the Unix epoch, by our clock.
    pub last_seen_ms: u64,
}

/// Bytes that an instance reported lost or folded in one hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Loss {
    /// The hour in which its watermark was before: the first in which they can have moved.
    pub hour: Hour,
    /// Bytes that it gave up.
    pub lost_bytes: u64,
    /// Bytes that it folded into `_other` rows.
    pub folded_bytes: u64,
}

impl Progress {
    /// The progress after a batch that arrived at `now_ms`, given what was before it, and the first
    /// hour of the batch's flows, if it has any.
    pub fn after(
        before: Option<&Self>,
        delivery: &Delivery<'_>,
        first_hour: Option<Hour>,
        now_ms: u64,
    ) -> Self {
        let (lost_bytes, folded_bytes) = (delivery.lost_bytes, delivery.folded_bytes);
        let mut losses = before.map(|before| before.losses.clone()).unwrap_or_default();
        if lost_bytes > 0 || folded_bytes > 0 {
            let vouched_ms = before.map_or(delivery.watermark_ms, |before| before.watermark_ms);
            note(&mut losses, Loss { hour: hour_of_ms(vouched_ms), lost_bytes, folded_bytes });
        }
        let known = before.map_or(hour_of_ms(delivery.watermark_ms), |before| before.first_hour);
        Self {
            sequence: delivery.sequence,
            reporter: delivery.reporter,
            watermark_ms: delivery.watermark_ms,
            lost_bytes: sum(before.map_or(0, |before| before.lost_bytes), lost_bytes),
            folded_bytes: sum(before.map_or(0, |before| before.folded_bytes), folded_bytes),
            losses,
            ended: delivery.ended,
            clock_offset_ms: delivery.clock_offset_ms,
            first_hour: first_hour.map_or(known, |hour| hour.min(known)),
            last_seen_ms: now_ms,
        }
    }

    /// Whether its clock is so far from ours that hours may be wrong.
    pub fn is_skewed(&self) -> bool {
        let most_ms = MAX_CLOCK_OFFSET.as_millis();
        self.clock_offset_ms.is_some_and(|offset_ms| u128::from(offset_ms.unsigned_abs()) > most_ms)
    }
}

/// Adds a loss to those of before. What becomes too many is put together with the next hour.
fn note(losses: &mut Vec<Loss>, new: Loss) {
    let place = losses.partition_point(|loss| loss.hour < new.hour);
    match losses.get_mut(place).filter(|loss| loss.hour == new.hour) {
        Some(loss) => loss.add(&new),
        None => losses.insert(place, new),
    }
    if losses.len() > MAX_LOSS_HOURS {
        let oldest = losses.remove(0);
        if let Some(next) = losses.first_mut() {
            next.add(&oldest);
        }
    }
}

impl Loss {
    /// Adds the bytes of another, whatever its hour.
    pub fn add(&mut self, other: &Self) {
        self.lost_bytes = sum(self.lost_bytes, other.lost_bytes);
        self.folded_bytes = sum(self.folded_bytes, other.folded_bytes);
    }
}

fn sum(before: u64, new: u64) -> u64 {
    before.saturating_add(new).min(MAX_COUNTER)
}

#[cfg(test)]
mod tests {
    use flow_model::Name;
    use flow_model::flow::HOUR_MS;

    use super::*;

    fn delivery(sequence: u64, watermark_ms: u64, lost_bytes: u64) -> Delivery<'static> {
        Delivery {
            instance: Name::new("i").unwrap(),
            sequence,
            reporter: Reporter::Source,
            watermark_ms,
            lost_bytes,
            folded_bytes: 1,
            ended: false,
            clock_offset_ms: None,
        }
    }

    #[test]
    fn losses_belong_to_the_hour_up_to_which_the_batch_before_vouched() {
        let first = Progress::after(None, &delivery(1, 7 * HOUR_MS + 1, 5), Some(8), 10);
        let second = Progress::after(Some(&first), &delivery(2, 8 * HOUR_MS + 1, 20), Some(6), 20);
        let third = Progress::after(Some(&second), &delivery(3, 9 * HOUR_MS, 0), None, 30);
        let loss = |hour, lost_bytes, folded_bytes| Loss { hour, lost_bytes, folded_bytes };
        assert_eq!(third.losses, [loss(7, 25, 2), loss(8, 0, 1)]);
        assert_eq!((third.lost_bytes, third.folded_bytes), (25, 3));
        let first_hours = [&first, &second, &third].map(|one| one.first_hour);
        assert_eq!((first_hours, third.last_seen_ms), ([7, 6, 6], 30));
    }

    #[test]
    fn losses_of_many_hours_are_bounded_and_none_is_forgotten() {
        let mut progress = Progress::after(None, &delivery(1, 0, MAX_COUNTER), None, 1);
        for hour in 1..100 {
            let delivery = delivery(hour + 1, hour * HOUR_MS, 0);
            progress = Progress::after(Some(&progress), &delivery, None, 1);
        }
        assert_eq!(progress.losses.len(), MAX_LOSS_HOURS);
        assert_eq!(progress.losses[0].lost_bytes, MAX_COUNTER);
        let folded: u64 = progress.losses.iter().map(|loss| loss.folded_bytes).sum();
        assert_eq!((folded, progress.folded_bytes), (100, 100));
    }
}
