//! The aggregator's receipt on the wire: `{"instance":"...","sequence":1,"status":"applied"}`.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};

use super::error::{Place, Position, WireError, parse};
use super::field::Field;
use super::write::{push_integer, push_text};
use crate::batch::{Answer, Status};

/// Reads a receipt. Fields that a later version may add are passed over.
///
/// # Errors
/// When it is not JSON, or not a receipt.
pub fn decode_answer(bytes: &[u8]) -> Result<Answer<'_>, WireError> {
    let position = Position::default();
    parse(bytes, &position, AnswerObject(&position))
}

/// Writes a receipt.
pub fn encode_answer(answer: &Answer<'_>) -> Vec<u8> {
    let mut out = b"{\"instance\":".to_vec();
    push_text(&answer.instance, &mut out);
    out.extend_from_slice(b",\"sequence\":");
    push_integer(answer.sequence, &mut out);
    out.extend_from_slice(b",\"status\":");
    push_text(answer.status.as_str(), &mut out);
    out.push(b'}');
    out
}

struct AnswerObject<'p>(&'p Position);

impl<'de> Visitor<'de> for AnswerObject<'_> {
    type Value = Answer<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a receipt")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Answer<'de>, A::Error> {
        let (mut instance, mut sequence, mut status) = (None, None, None);
        let field = |name| Field::of_message(self.0, name);
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match name.as_ref() {
                "instance" => instance = Some(map.next_value_seed(field("instance").name())?),
                "sequence" => sequence = Some(map.next_value_seed(field("sequence").ordinal())?),
                "status" => {
                    let word = field("status").word(status_of, "\"applied\" or \"duplicate\"");
                    status = Some(map.next_value_seed(word)?);
                }
                _ => {
                    self.0.enter(Place::default());
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Answer {
            instance: self.0.required(instance, "instance")?,
            sequence: self.0.required(sequence, "sequence")?,
            status: self.0.required(status, "status")?,
        })
    }
}

fn status_of(word: &str) -> Option<Status> {
    [Status::Applied, Status::Duplicate].into_iter().find(|status| status.as_str() == word)
}
