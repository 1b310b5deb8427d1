//! `Finding`: what is known of one name of a stream.

use super::SharedName;

/// A name, and whether it can still change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// What the first source gave that has anything; none if no source has.
    pub name: Option<SharedName>,
    /// Whether no source before it can still come up with another name.
    pub certain: bool,
}

impl Finding {
    /// Whether the name cannot change any more.
    pub const fn is_certain(&self) -> bool {
        self.certain
    }
}
