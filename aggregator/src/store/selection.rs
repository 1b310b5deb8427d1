//! `Selection`: which flows a read is about: a range of hours, and conditions on names.

use std::ops::RangeInclusive;

use flow_model::{FlowKey, Hour, Reporter};

/// A part of a flow's key that is a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NameField {
    /// `src_app`
    SrcApp,
    /// `dest_app`
    DestApp,
    /// `vpc_id`
    VpcId,
}

impl NameField {
    /// All of them, in key order.
    pub const ALL: [Self; 3] = [Self::SrcApp, Self::DestApp, Self::VpcId];

    /// The field's name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SrcApp => "src_app",
            Self::DestApp => "dest_app",
            Self::VpcId => "vpc_id",
        }
    }

    /// The field's position in the key: 0, 1 or 2.
    pub const fn position(self) -> usize {
        match self {
            Self::SrcApp => 0,
            Self::DestApp => 1,
            Self::VpcId => 2,
        }
    }

    /// The field's name in a key.
    pub fn of<'a>(self, key: &'a FlowKey<'_>) -> &'a str {
        match self {
            Self::SrcApp => &key.src_app,
            Self::DestApp => &key.dest_app,
            Self::VpcId => &key.vpc_id,
        }
    }
}

/// What a name may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// This name.
    Exact(String),
    /// Any name that starts with this; every name, if it is empty.
    Prefix(String),
}

impl Pattern {
    /// Whether a name is what the pattern says.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(text) => name == text,
            Self::Prefix(text) => name.starts_with(text.as_str()),
        }
    }
}

/// A condition on one field: any of the patterns must match. Without patterns, nothing does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Whose name is looked at.
    pub field: NameField,
    /// What it may be.
    pub any_of: Vec<Pattern>,
}

impl Condition {
    /// Whether a name of the field is allowed.
    pub fn matches(&self, name: &str) -> bool {
        self.any_of.iter().any(|pattern| pattern.matches(name))
    }
}

/// Conditions that must all hold. One field may have several: what was asked for, and what the
/// asker may see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    conditions: Vec<Condition>,
}

impl Filter {
    /// Adds a condition.
    pub fn require(&mut self, field: NameField, any_of: Vec<Pattern>) {
        self.conditions.push(Condition { field, any_of });
    }

    /// The conditions on a field.
    pub fn on(&self, field: NameField) -> impl Iterator<Item = &Condition> {
        self.conditions.iter().filter(move |condition| condition.field == field)
    }

    /// Whether every flow passes.
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// Whether a name may stand in a field.
    pub fn allows(&self, field: NameField, name: &str) -> bool {
        self.on(field).all(|condition| condition.matches(name))
    }

    /// Whether a key meets all conditions.
    pub fn matches(&self, key: &FlowKey<'_>) -> bool {
        self.conditions.iter().all(|condition| condition.matches(condition.field.of(key)))
    }
}

/// Flows of these hours that pass the filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The first hour and the last; nothing when the last is before the first.
    pub hours: RangeInclusive<Hour>,
    /// Conditions on names.
    pub filter: Filter,
    /// Only what this side reported: the other's counters are zero in what is given, and flows of
    /// which it reported no bytes are left out.
    pub reporter: Option<Reporter>,
}

impl Selection {
    /// All flows of one hour.
    pub fn hour(hour: Hour) -> Self {
        Self { hours: hour..=hour, filter: Filter::default(), reporter: None }
    }

    /// All flows of all hours.
    pub fn all() -> Self {
        Self { hours: 0..=Hour::MAX, filter: Filter::default(), reporter: None }
    }
}

/// A place between two rows of a read, which are in order of hour and key: after this one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The hour of the row before.
    pub hour: Hour,
    /// The key of the row before.
    pub key: FlowKey<'static>,
}

#[cfg(test)]
mod tests {
    use flow_model::Name;

    use super::*;

    #[test]
    fn conditions_on_a_field_are_any_and_conditions_together_are_all() {
        let name = |text: &'static str| Name::new(text).unwrap();
        let key = FlowKey { src_app: name("web-1"), dest_app: name("db"), vpc_id: name("v1") };
        let exact = |text: &str| Pattern::Exact(text.to_owned());
        let mut filter = Filter::default();
        assert!(filter.is_empty() && filter.matches(&key));
        filter.require(NameField::SrcApp, vec![exact("x"), Pattern::Prefix("web-".to_owned())]);
        assert!(filter.matches(&key));
        filter.require(NameField::VpcId, vec![exact("v1")]);
        assert!(filter.matches(&key) && filter.allows(NameField::DestApp, "anything"));
        filter.require(NameField::VpcId, vec![exact("v2")]);
        assert!(!filter.matches(&key) && !filter.allows(NameField::VpcId, "v1"));
        let mut nothing = Filter::default();
        nothing.require(NameField::VpcId, Vec::new());
        assert!(!nothing.matches(&key), "a token for no VPC sees nothing");
    }
}
