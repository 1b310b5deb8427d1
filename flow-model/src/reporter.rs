//! `Reporter`: the side of a flow that saw it.

use std::fmt;

/// Which side of the flow reported it. The two sides' counters are kept apart, since they
/// count the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reporter {
    /// The side that opened the connection: an outbound listener, or a direct write.
    Source,
    /// The side that accepted it: an inbound listener.
    Destination,
}

impl Reporter {
    /// Both sides.
    pub const ALL: [Self; 2] = [Self::Source, Self::Destination];

    /// The word for it on the wire and in configurations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
        }
    }

    /// The side with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|side| side.as_str() == word)
    }
}

impl fmt::Display for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
