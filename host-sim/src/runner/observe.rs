//! Expectations on streams: their properties, and what came out of them behind the plugin.

use std::collections::BTreeMap;

use super::{Runner, StepError};
use crate::{
    host::traffic::StreamId,
    pairs::Pair,
    scenario::{
        expect::{MessageExpect, PropertyExpect},
        matcher::Matcher,
    },
    stream::{
        Direction,
        exchange::{Exchange, Sent},
    },
};

impl Runner<'_> {
    /// Remembers what came out of a stream that is about to be closed.
    pub(super) fn remember(&mut self, name: &str, id: StreamId) -> Result<(), StepError> {
        let exchange = self.host.exchange(id)?;
        self.finished.insert(name.to_owned(), exchange);
        Ok(())
    }

    /// What came out of a stream that is open, or of the last that had this name.
    fn exchange(&mut self, name: &str) -> Result<Exchange, StepError> {
        if let Some(stream) = self.streams.get(name) {
            return Ok(self.host.exchange(stream.id)?);
        }
        let finished = self.finished.get(name).cloned();
        finished.ok_or_else(|| StepError::NeverOpened(name.to_owned()))
    }

    pub(super) fn check_message(
        &mut self,
        expect: &MessageExpect,
        direction: Direction,
    ) -> Result<Option<String>, StepError> {
        let exchange = self.exchange(&expect.stream)?;
        let sent = match direction {
            Direction::FromDownstream => &exchange.request,
            Direction::FromUpstream => &exchange.response,
        };
        Ok(message_problem(expect, sent, exchange.reset))
    }

    pub(super) fn check_property(
        &mut self,
        expect: &PropertyExpect,
    ) -> Result<Option<String>, StepError> {
        let id = self.stream(&expect.stream)?.id;
        let parts = expect.parts();
        let found = self.host.stream_property(id, &parts);
        Ok(property_problem(expect, found.as_deref())
            .map(|problem| format!("property {}: {problem}", parts.join("."))))
    }
}

fn property_problem(expect: &PropertyExpect, found: Option<&[u8]>) -> Option<String> {
    let found = match (found, expect.present) {
        (None, false) => return None,
        (None, true) => return Some("expected one, and there is none".to_owned()),
        (Some(found), false) => {
            return Some(format!("expected none, found {:?}", String::from_utf8_lossy(found)));
        }
        (Some(found), true) => found,
    };
    let wanted = [
        expect.integer.map(|integer| (integer.to_string(), integer.to_le_bytes().to_vec())),
        expect.bool.map(|value| (value.to_string(), vec![u8::from(value)])),
    ];
    let wrong = wanted.into_iter().flatten().find(|(_, bytes)| bytes != found);
    if let Some((wanted, _)) = wrong {
        let number = found.try_into().map(i64::from_le_bytes);
        let shown = number.map_or_else(
            |_| format!("{:?}", String::from_utf8_lossy(found)),
            |number| number.to_string(),
        );
        return Some(format!("expected {wanted}, found {shown}"));
    }
    let text = String::from_utf8_lossy(found);
    let matcher = expect.text.as_ref().filter(|matcher| !matcher.holds(&text))?;
    Some(format!("expected {matcher}, found {text:?}"))
}

fn message_problem(expect: &MessageExpect, sent: &Sent, reset: bool) -> Option<String> {
    let mut problems = Vec::new();
    let parts = [
        ("header", "headers", &expect.headers, &sent.headers),
        ("trailer", "trailers", &expect.trailers, &sent.trailers),
    ];
    for (one, all, expected, found) in parts {
        if found.is_none() && expected.values().any(Option::is_some) {
            problems.push(format!("no {all} have come out"));
            continue;
        }
        problems.extend(header_problems(one, expected, found.as_deref().unwrap_or_default()));
    }
    let body = String::from_utf8_lossy(&sent.body);
    if let Some(matcher) = expect.body.as_ref().filter(|matcher| !matcher.holds(&body)) {
        problems.push(format!("expected {matcher} as body, found {body:?}"));
    }
    let size = sent.body_bytes;
    if let Some(amount) = expect.body_bytes.filter(|amount| !amount.holds(size)) {
        problems.push(format!("expected {amount} bytes of body, found {size}"));
    }
    let flags = [("complete", expect.complete, sent.complete), ("reset", expect.reset, reset)];
    for (name, expected, found) in flags {
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            problems.push(format!("expected {name}: {expected}, found {found}"));
        }
    }
    (!problems.is_empty()).then(|| format!("stream `{}`: {}", expect.stream, problems.join("; ")))
}

/// What is wrong with headers, of which each is named that should be there, or should not.
pub(super) fn header_problems(
    what: &str,
    expect: &BTreeMap<String, Option<Matcher>>,
    headers: &[Pair],
) -> Vec<String> {
    let problem = |(name, matcher): (&String, &Option<Matcher>)| {
        let found = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()));
        let found = found.map(|(_, value)| String::from_utf8_lossy(value));
        match (matcher, found) {
            (None, None) => None,
            (None, Some(value)) => Some(format!("expected no {what} {name}, found {value:?}")),
            (Some(matcher), None) => {
                Some(format!("expected {what} {name} to be {matcher}, and there is none"))
            }
            (Some(matcher), Some(value)) if matcher.holds(&value) => None,
            (Some(matcher), Some(value)) => {
                Some(format!("expected {what} {name} to be {matcher}, found {value:?}"))
            }
        }
    };
    expect.iter().filter_map(problem).collect()
}
