//! `Finding`: what is known of one name of a stream.

use flow_model::Name;

/// A name, and whether it can still change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// What the first source gave that has anything; none if no source has.
    pub name: Option<Name<'static>>,
    /// Whether no source before it can still come up with another name.
    pub certain: bool,
}

impl Finding {
    /// Whether the name cannot change any more.
    pub const fn is_certain(&self) -> bool {
        self.certain
    }

    /// The name, or `_unknown`: never a guess.
    pub fn or_unknown(&self) -> Name<'static> {
        self.name.clone().unwrap_or(Name::unknown())
    }
}
