//! Completeness: whether all that filters saw in an hour has arrived, as far as it can be told
//! from what the instances have said. Plain functions over values; the rules are in docs/api.md.
//!
//! Hours and watermarks of an instance are by the same clock, its own: so they are compared as
//! they are, also when that clock is wrong. When it was set back, the watermark is ahead of it,
//! and worth no more than the clock.

mod overview;
mod report;

use flow_model::Hour;
use flow_model::flow::HOUR_MS;

pub use self::overview::Overview;
pub use self::report::{HourReport, Witness};
use super::{Loss, Progress};
use crate::limits::{COMPLETE_GRACE, LOST_AFTER};

/// The times that verdicts depend on, in milliseconds since the Unix epoch, by our clock.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Now.
    pub now_ms: u64,
    /// Since when instances could be heard: an instance is not lost because we were away.
    pub serving_since_ms: u64,
    /// When the last instance had been heard as this serving began.
    pub heard_until_ms: u64,
    /// Instances that were last seen before this may have been forgotten.
    pub remembered_since_ms: u64,
}

/// What an instance is for an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// All that it saw in the hour has arrived.
    Reported,
    /// More may come.
    Outstanding,
    /// More may have been to come, but nothing was heard of it for too long.
    Lost,
    /// It was lost before the hour began, and is taken for ended.
    LostBefore,
}

/// How many instances are what for an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// See [`Standing::Reported`].
    pub reported: i64,
    /// See [`Standing::Outstanding`].
    pub outstanding: i64,
    /// See [`Standing::Lost`].
    pub lost: i64,
    /// See [`Standing::LostBefore`].
    pub lost_before: i64,
}

/// Why an hour is not known to be complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It has not ended by our clock, or only just.
    NotEnded,
    /// What instances said so long ago may be forgotten.
    NotRemembered,
    /// No instance that is known was there in it, or before it: the first that were may have had
    /// nobody to tell.
    NotWitnessed,
    /// Instances are outstanding.
    Outstanding,
    /// Instances are lost.
    Lost,
    /// Instances have given up bytes.
    LostBytes,
}

impl Reason {
    /// All of them, in the order in which they are given.
    pub const ALL: [Self; 6] = [
        Self::NotEnded,
        Self::NotRemembered,
        Self::NotWitnessed,
        Self::Outstanding,
        Self::Lost,
        Self::LostBytes,
    ];

    /// The word for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotEnded => "not_ended",
            Self::NotRemembered => "not_remembered",
            Self::NotWitnessed => "not_witnessed",
            Self::Outstanding => "outstanding",
            Self::Lost => "lost",
            Self::LostBytes => "lost_bytes",
        }
    }
}

/// Whether an hour is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// None if nobody can tell: it is too long ago, or before all that is known.
    pub complete: Option<bool>,
    /// Why it is not; nothing when it is.
    pub reasons: Vec<Reason>,
}

/// What an instance was and is, hour by hour. Hours are wider here than those of flows: a
/// watermark may be any number.
#[derive(Clone, Copy, Debug)]
struct Life {
    /// The first hour in which it may have been.
    first: u64,
    /// The first hour for which more may come.
    unsettled: u64,
    fate: Fate,
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Live,
    Ended,
    /// The last hour in which it may have been.
    Lost(u64),
}

impl Life {
    fn of(progress: &Progress, times: &Times) -> Self {
        let own_hour = |our_ms: u64| {
            our_ms.saturating_add_signed(progress.clock_offset_ms.unwrap_or_default()) / HOUR_MS
        };
        let clock_ms = progress
            .clock_offset_ms
            .map_or(u64::MAX, |offset_ms| progress.last_seen_ms.saturating_add_signed(offset_ms));
        let watermark = progress.watermark_ms.min(clock_ms) / HOUR_MS;
        let first = u64::from(progress.first_hour).min(watermark);
        if progress.ended {
            return Self { first, unsettled: watermark + 1, fate: Fate::Ended };
        }
        let lost_after_ms = LOST_AFTER.as_millis() as u64;
        let mut given_up_ms = progress.last_seen_ms.saturating_add(lost_after_ms);
        // Whoever was silent for so long while others were heard was lost before we were away.
        if times.heard_until_ms < given_up_ms {
            given_up_ms = given_up_ms.max(times.serving_since_ms.saturating_add(lost_after_ms));
        }
        let fate = if given_up_ms < times.now_ms {
            Fate::Lost(own_hour(given_up_ms).max(watermark))
        } else {
            Fate::Live
        };
        Self { first, unsettled: watermark, fate }
    }

    /// What the instance is for an hour; nothing, if it was not there.
    fn standing(&self, hour: u64) -> Option<Standing> {
        match self.fate {
            _ if hour < self.first => None,
            _ if hour < self.unsettled => Some(Standing::Reported),
            Fate::Ended => None,
            Fate::Live => Some(Standing::Outstanding),
            Fate::Lost(last) if hour <= last => Some(Standing::Lost),
            Fate::Lost(_) => Some(Standing::LostBefore),
        }
    }

    /// The hours in which it becomes something else.
    fn turns(&self) -> [u64; 3] {
        let last = match self.fate {
            Fate::Lost(last) => last.saturating_add(1),
            Fate::Live | Fate::Ended => self.unsettled,
        };
        [self.first, self.unsettled, last]
    }
}

impl Counts {
    fn add(&mut self, standing: Option<Standing>, count: i64) {
        match standing {
            None => {}
            Some(Standing::Reported) => self.reported += count,
            Some(Standing::Outstanding) => self.outstanding += count,
            Some(Standing::Lost) => self.lost += count,
            Some(Standing::LostBefore) => self.lost_before += count,
        }
    }

    /// The counts as they are judged: when nobody has reported an hour, those who were lost before
    /// it are lost for it, too. It is rather the way to us that was lost.
    fn judged(mut self) -> Self {
        if self.reported == 0 {
            self.lost += std::mem::take(&mut self.lost_before);
        }
        self
    }
}

/// The verdict on an hour, by judged counts, and the first hour in which an instance was.
fn verdict(hour: Hour, times: &Times, counts: &Counts, loss: &Loss, first: Option<u64>) -> Verdict {
    let start_ms = u64::from(hour) * HOUR_MS;
    let has_ended = start_ms + HOUR_MS + COMPLETE_GRACE.as_millis() as u64 <= times.now_ms;
    let is_remembered =
        start_ms >= times.remembered_since_ms.saturating_add(LOST_AFTER.as_millis() as u64);
    let holds = |reason: &Reason| match reason {
        Reason::NotEnded => !has_ended,
        Reason::NotRemembered => !is_remembered,
        Reason::NotWitnessed => first.is_none_or(|first| u64::from(hour) < first),
        Reason::Outstanding => counts.outstanding > 0,
        Reason::Lost => counts.lost > 0,
        Reason::LostBytes => loss.lost_bytes > 0,
    };
    let reasons: Vec<Reason> = Reason::ALL.into_iter().filter(holds).collect();
    let is_unknown =
        |reason: &Reason| matches!(reason, Reason::NotRemembered | Reason::NotWitnessed);
    let complete = match reasons.as_slice() {
        [] => Some(true),
        reasons if reasons.iter().all(is_unknown) => None,
        _ => Some(false),
    };
    Verdict { complete, reasons }
}

#[cfg(test)]
mod tests;
