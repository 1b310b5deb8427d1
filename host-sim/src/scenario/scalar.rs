//! Small values as scenarios write them: points in time, durations, and bounds on a number.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::timestamp::{TimeError, Timestamp, parse_duration_ns};

/// A point in virtual time, in RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct When(pub Timestamp);

impl TryFrom<String> for When {
    type Error = TimeError;

    fn try_from(text: String) -> Result<Self, TimeError> {
        Timestamp::parse(&text).map(Self)
    }
}

/// A duration in nanoseconds, written as `250ms`, `90s` or `1h30m`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Span(pub u64);

impl TryFrom<String> for Span {
    type Error = TimeError;

    fn try_from(text: String) -> Result<Self, TimeError> {
        parse_duration_ns(&text).map(Self)
    }
}

/// How likely something is: 0 for never, 1 for always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(try_from = "f64")]
#[schemars(with = "f64")]
pub struct Chance(pub f64);

impl TryFrom<f64> for Chance {
    type Error = String;

    fn try_from(chance: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&chance) {
            Ok(Self(chance))
        } else {
            Err(format!("a chance is 0 (never) to 1 (always); here is {chance}"))
        }
    }
}

/// How long an answer takes: always the same, or evenly spread over a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// At least, in nanoseconds.
    pub from_ns: u64,
    /// At most, in nanoseconds.
    pub to_ns: u64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LatencyRange {
    from: Span,
    to: Span,
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LatencyVisitor)
    }
}

struct LatencyVisitor;

impl<'de> Visitor<'de> for LatencyVisitor {
    type Value = Latency;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as 20ms, or a mapping with from and to")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Latency, E> {
        let ns = parse_duration_ns(text).map_err(E::custom)?;
        Ok(Latency { from_ns: ns, to_ns: ns })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Latency, A::Error> {
        let LatencyRange { from: Span(from_ns), to: Span(to_ns) } =
            LatencyRange::deserialize(MapAccessDeserializer::new(map))?;
        if from_ns > to_ns {
            return Err(de::Error::custom("`from` is longer than `to`"));
        }
        Ok(Latency { from_ns, to_ns })
    }
}

impl JsonSchema for Latency {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Latency".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let range = generator.subschema_for::<LatencyRange>();
        let span = generator.subschema_for::<Span>();
        json_schema!({
            "description": "How long an answer takes: always the same, or evenly spread over a range.",
            "anyOf": [span, range]
        })
    }
}

/// What a number must be: exactly this (`3`), or within bounds (`{at_least: 1, at_most: 5}`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    at_least: u64,
    at_most: u64,
}

impl Amount {
    /// One or more.
    pub const SOME: Self = Self { at_least: 1, at_most: u64::MAX };

    /// Exactly this.
    #[must_use]
    pub fn exactly(number: u64) -> Self {
        Self { at_least: number, at_most: number }
    }

    /// Whether a number is within the bounds.
    #[must_use]
    pub fn holds(&self, number: u64) -> bool {
        (self.at_least..=self.at_most).contains(&number)
    }
}

impl Default for Amount {
    fn default() -> Self {
        Self::SOME
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.at_least, self.at_most) {
            (low, high) if low == high => write!(f, "exactly {low}"),
            (low, u64::MAX) => write!(f, "at least {low}"),
            (0, high) => write!(f, "at most {high}"),
            (low, high) => write!(f, "{low} to {high}"),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Bounds {
    #[serde(default)]
    at_least: u64,
    #[serde(default = "no_bound")]
    at_most: u64,
}

fn no_bound() -> u64 {
    u64::MAX
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not an untagged enum: that would not name the field that is not known.
        deserializer.deserialize_any(AmountVisitor)
    }
}

impl JsonSchema for Amount {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let bounds = generator.subschema_for::<Bounds>();
        json_schema!({
            "description": "What a number must be: exactly this, or within bounds.",
            "anyOf": [{ "type": "integer", "minimum": 0 }, bounds]
        })
    }
}

struct AmountVisitor;

impl<'de> Visitor<'de> for AmountVisitor {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number that is 0 or more, or a mapping with at_least and at_most")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Amount, E> {
        Ok(Amount::exactly(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Amount, E> {
        let number = u64::try_from(number);
        number.map(Amount::exactly).map_err(|_| E::custom("a count is 0 or more"))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Amount, A::Error> {
        let Bounds { at_least, at_most } = Bounds::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Amount { at_least, at_most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_numbers_or_bounds() {
        let amount = |text: &str| serde_saphyr::from_str::<Amount>(text).unwrap();
        assert!(amount("3").holds(3) && !amount("3").holds(2) && !amount("3").holds(4));
        let bounds = amount("{at_least: 2, at_most: 4}");
        assert!(!bounds.holds(1) && bounds.holds(2) && bounds.holds(4) && !bounds.holds(5));
        assert_eq!(bounds.to_string(), "2 to 4");
        assert_eq!(amount("{at_most: 4}").to_string(), "at most 4");
        assert!(serde_saphyr::from_str::<Amount>("-1").is_err());
        assert!(serde_saphyr::from_str::<Amount>("x").is_err());
    }
}
