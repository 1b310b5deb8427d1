//! `Flow`: who moved how many bytes to whom in which hour.

use crate::counters::Counters;
use crate::name::Name;

/// An hour. The filter counts hours since the Unix epoch, UTC; a direct writer may number hours
/// as it likes.
pub type Hour = u32;

/// The milliseconds of an hour.
pub const HOUR_MS: u64 = 3_600_000;

/// The hour of a time in milliseconds since the Unix epoch, capped at the last hour there is.
pub fn hour_of_ms(time_ms: u64) -> Hour {
    Hour::try_from(time_ms / HOUR_MS).unwrap_or(Hour::MAX)
}

/// What a flow is counted under. Keys are tuples: they compare and sort field by field, in this
/// order, by bytes, so no separator in a name can make two keys one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey<'a> {
    /// The app that opened the connection or sent the request.
    pub src_app: Name<'a>,
    /// The app that was called.
    pub dest_app: Name<'a>,
    /// The network that they are in.
    pub vpc_id: Name<'a>,
}

impl FlowKey<'_> {
    /// The same key, owning its names.
    pub fn into_owned(self) -> FlowKey<'static> {
        FlowKey {
            src_app: self.src_app.into_owned(),
            dest_app: self.dest_app.into_owned(),
            vpc_id: self.vpc_id.into_owned(),
        }
    }
}

/// Bytes of one key in one hour: a delta to be added, or a total that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow<'a> {
    /// Who to whom, and where.
    pub key: FlowKey<'a>,
    /// When.
    pub hour: Hour,
    /// How much.
    pub counters: Counters,
}

impl Flow<'_> {
    /// The same flow, owning its names.
    pub fn into_owned(self) -> Flow<'static> {
        Flow { key: self.key.into_owned(), hour: self.hour, counters: self.counters }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key<'a>(src: &'a str, dest: &'a str) -> FlowKey<'a> {
        FlowKey {
            src_app: Name::new(src).unwrap(),
            dest_app: Name::new(dest).unwrap(),
            vpc_id: Name::new("v").unwrap(),
        }
    }

    #[test]
    fn keys_are_tuples() {
        assert_ne!(key("a-b", "c"), key("a", "b-c"));
        assert!(key("a", "z") < key("a-b", "c"));
        assert!(key("Z", "a") < key("a", "a"), "sorted by bytes");
    }

    #[test]
    fn hours_end_on_the_hour() {
        assert_eq!(hour_of_ms(HOUR_MS - 1), 0);
        assert_eq!(hour_of_ms(HOUR_MS), 1);
        assert_eq!(hour_of_ms(u64::MAX), Hour::MAX);
    }
}
