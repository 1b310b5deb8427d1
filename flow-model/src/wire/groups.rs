//! The flows of a batch on the wire: groups of rows that share an hour.

use std::fmt;

use serde::de::{self, MapAccess, SeqAccess, Visitor};

use super::error::{Place, Position, Seed};
use super::field::{Field, FieldName};
use super::row::FlowRow;
use crate::flow::{Flow, Hour};
use crate::limits::MAX_BATCH_FLOWS;

const GROUP_FIELDS: [&str; 2] = ["hour", "flows"];

const HOURS: Place = Place { index: None, field: Some("hours") };

const FLOWS: Place = Place { index: None, field: Some("flows") };

/// Reads `hours`: the groups of a batch, flattened.
pub(super) struct Groups<'p>(&'p Position);

impl<'p> Groups<'p> {
    pub fn read(position: &'p Position) -> Seed<'p, Self> {
        position.seed(HOURS, Self(position))
    }
}

impl<'de> Visitor<'de> for Groups<'_> {
    type Value = Vec<Flow<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of groups of flows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut flows = Vec::new();
        let position = self.0;
        loop {
            let group = position.seed(HOURS, Group { position, flows: &mut flows });
            if seq.next_element_seed(group)?.is_none() {
                break;
            }
        }
        Ok(flows)
    }
}

/// Reads one group and appends its flows.
struct Group<'p, 'de> {
    position: &'p Position,
    flows: &'p mut Vec<Flow<'de>>,
}

impl<'de> Visitor<'de> for Group<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with an hour and its flows")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { position, flows } = self;
        let start = flows.len();
        let (mut hour, mut has_flows) = (None, false);
        while let Some(name) = map.next_key_seed(position.seed(HOURS, FieldName(&GROUP_FIELDS)))? {
            let field = Field::of_message(position, name);
            let repeated = if name == "hour" {
                let value = map.next_value_seed(field.integer(Hour::MAX.into()))?;
                hour.replace(Hour::try_from(value).map_err(de::Error::custom)?).is_some()
            } else {
                map.next_value_seed(position.seed(FLOWS, Rows { position, flows: &mut *flows }))?;
                std::mem::replace(&mut has_flows, true)
            };
            if repeated {
                return Err(field.refuse("is given twice"));
            }
        }
        position.required(has_flows.then_some(()), "flows")?;
        let hour = position.required(hour, "hour")?;
        // The hour may come after the flows: a JSON object has no order.
        flows.iter_mut().skip(start).for_each(|flow| flow.hour = hour);
        Ok(())
    }
}

/// Reads a group's rows, whose hour is set when the group has been read.
struct Rows<'p, 'de> {
    position: &'p Position,
    flows: &'p mut Vec<Flow<'de>>,
}

impl<'de> Visitor<'de> for Rows<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { position, flows } = self;
        while let Some(flow) = seq.next_element_seed(FlowRow::at(position, flows.len()))? {
            if flows.len() == MAX_BATCH_FLOWS {
                let reason = format_args!("a batch has at most {MAX_BATCH_FLOWS} flows");
                return Err(position.refuse(FLOWS, reason));
            }
            flows.push(flow);
        }
        Ok(())
    }
}
