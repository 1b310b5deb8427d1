//! One flow on the wire: an object with six named fields (direct writes, reads), or a row of
//! five values inside an hour's group (batches).

use std::fmt;

use serde::de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::error::{Place, Position, Seed};
use super::field::{Field, FieldName};
use crate::counters::Counters;
use crate::flow::{Flow, FlowKey, Hour};
use crate::limits::MAX_COUNTER;

/// The fields of a flow, in the order in which they are written.
pub(super) const FIELDS: [&str; 6] =
    ["src_app", "dest_app", "vpc_id", "bytes_tx", "bytes_rx", "hour"];

/// What is at `index` among a message's flows.
#[derive(Clone, Copy)]
struct Element<'p> {
    position: &'p Position,
    index: usize,
}

impl<'p> Element<'p> {
    fn place(self) -> Place {
        Place { index: Some(self.index), field: None }
    }

    fn field(self, name: &'static str) -> Field<'p> {
        Field { position: self.position, index: Some(self.index), name }
    }

    fn required<T, E: de::Error>(self, value: Option<T>, name: &'static str) -> Result<T, E> {
        value.ok_or_else(|| self.field(name).refuse("is missing"))
    }
}

/// Reads a flow written as an object.
pub(super) struct FlowObject<'p>(Element<'p>);

impl<'p> FlowObject<'p> {
    /// Reads the flow at `index`.
    pub fn at(position: &'p Position, index: usize) -> Seed<'p, Self> {
        let element = Element { position, index };
        position.seed(element.place(), Self(element))
    }
}

impl<'de> Visitor<'de> for FlowObject<'_> {
    type Value = Flow<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the fields of a flow")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Flow<'de>, A::Error> {
        let element = self.0;
        let (mut src_app, mut dest_app, mut vpc_id) = (None, None, None);
        let (mut bytes_tx, mut bytes_rx, mut hour) = (None, None, None);
        let next = || element.position.seed(element.place(), FieldName(&FIELDS));
        while let Some(name) = map.next_key_seed(next())? {
            let field = element.field(name);
            let text = match name {
                "src_app" => Some(&mut src_app),
                "dest_app" => Some(&mut dest_app),
                "vpc_id" => Some(&mut vpc_id),
                _ => None,
            };
            let repeated = if let Some(text) = text {
                text.replace(map.next_value_seed(field.name())?).is_some()
            } else {
                let (integer, max) = match name {
                    "bytes_tx" => (&mut bytes_tx, MAX_COUNTER),
                    "bytes_rx" => (&mut bytes_rx, MAX_COUNTER),
                    _ => (&mut hour, Hour::MAX.into()),
                };
                integer.replace(map.next_value_seed(field.integer(max))?).is_some()
            };
            if repeated {
                return Err(field.refuse("is given twice"));
            }
        }
        let key = FlowKey {
            src_app: element.required(src_app, "src_app")?,
            dest_app: element.required(dest_app, "dest_app")?,
            vpc_id: element.required(vpc_id, "vpc_id")?,
        };
        let bytes_tx = element.required(bytes_tx, "bytes_tx")?;
        let bytes_rx = element.required(bytes_rx, "bytes_rx")?;
        let counters = Counters::new(bytes_tx, bytes_rx).map_err(de::Error::custom)?;
        let hour = element.required(hour, "hour")?;
        Ok(Flow { key, hour: Hour::try_from(hour).map_err(de::Error::custom)?, counters })
    }
}

/// Reads a flow written as a row, `[src_app, dest_app, vpc_id, bytes_tx, bytes_rx]`, which leaves
/// its hour to its group.
pub(super) struct FlowRow<'p>(Element<'p>);

impl<'p> FlowRow<'p> {
    /// Reads the flow at `index`.
    pub fn at(position: &'p Position, index: usize) -> Seed<'p, Self> {
        let element = Element { position, index };
        position.seed(element.place(), Self(element))
    }
}

impl<'de> Visitor<'de> for FlowRow<'_> {
    type Value = Flow<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[src_app, dest_app, vpc_id, bytes_tx, bytes_rx]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Flow<'de>, A::Error> {
        let element = self.0;
        let mut name = |field| {
            let value = seq.next_element_seed(element.field(field).name())?;
            element.required(value, field)
        };
        let (src_app, dest_app, vpc_id) = (name("src_app")?, name("dest_app")?, name("vpc_id")?);
        let mut bytes = |field| {
            let value = seq.next_element_seed(element.field(field).integer(MAX_COUNTER))?;
            element.required(value, field)
        };
        let (bytes_tx, bytes_rx) = (bytes("bytes_tx")?, bytes("bytes_rx")?);
        if seq.next_element::<IgnoredAny>()?.is_some() {
            return Err(element.position.refuse(element.place(), "has more than 5 values"));
        }
        let counters = Counters::new(bytes_tx, bytes_rx).map_err(de::Error::custom)?;
        Ok(Flow { key: FlowKey { src_app, dest_app, vpc_id }, hour: 0, counters })
    }
}
