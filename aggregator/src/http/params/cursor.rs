//! `Cursor`: where a page ended, as text that a client only passes back.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flow_model::{FlowKey, Hour, Name, Reporter};
use sha2::{Digest, Sha256};

use super::{ParamError, Query};
use crate::store::{NameField, Pattern, Position, Selection};

/// Bytes of the hash that ties a cursor to its read.
const SCOPE_BYTES: usize = 8;

/// What a cursor belongs to: with another selection it would skip what it should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct CursorScope([u8; SCOPE_BYTES]);

impl CursorScope {
    /// The scope of the flows of a selection.
    pub fn flows(selection: &Selection) -> Self {
        let mut hash = Sha256::new_with_prefix(b"flows");
        hash.update(selection.hours.start().to_le_bytes());
        hash.update(selection.hours.end().to_le_bytes());
        if let Some(reporter) = selection.reporter {
            hash.update([b'r', u8::from(reporter == Reporter::Destination)]);
        }
        for field in NameField::ALL {
            for condition in selection.filter.on(field) {
                hash.update([b'c', u8::try_from(field.position()).unwrap_or_default()]);
                for pattern in &condition.any_of {
                    let (tag, text) = match pattern {
                        Pattern::Exact(text) => (b'e', text),
                        Pattern::Prefix(text) => (b'p', text),
                    };
                    hash.update([tag]);
                    hash.update(text.len().to_le_bytes());
                    hash.update(text);
                }
            }
        }
        Self::of(hash)
    }

    /// The scope of the list of instances.
    pub fn instances() -> Self {
        Self::of(Sha256::new_with_prefix(b"instances"))
    }

    fn of(hash: Sha256) -> Self {
        let mut scope = [0; SCOPE_BYTES];
        scope.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
        Self(scope)
    }
}

/// The text of a cursor. It is not secret and not protected: who makes one up reads from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Cursor(Vec<u8>);

impl Cursor {
    /// Takes `cursor`.
    pub fn take(query: &mut Query) -> Result<Option<Self>, ParamError> {
        let Some(text) = query.one("cursor")? else { return Ok(None) };
        URL_SAFE_NO_PAD.decode(text).map(|bytes| Some(Self(bytes))).map_err(|_| refused())
    }

    /// The cursor after a position.
    pub fn after(scope: CursorScope, position: &Position) -> String {
        let FlowKey { src_app, dest_app, vpc_id } = &position.key;
        let parts = (position.hour, src_app.as_str(), dest_app.as_str(), vpc_id.as_str());
        // Numbers and texts always can be written.
        encode(scope, &postcard::to_stdvec(&parts).unwrap_or_default())
    }

    /// The cursor after an instance.
    pub fn after_instance(id: &str) -> String {
        encode(CursorScope::instances(), id.as_bytes())
    }

    /// The position that it stands for.
    pub fn position(&self, scope: CursorScope) -> Result<Position, ParamError> {
        self.payload(scope).and_then(position).ok_or_else(refused)
    }

    /// The id of the instance that it stands for.
    pub fn instance(&self) -> Result<&str, ParamError> {
        let id = self.payload(CursorScope::instances()).and_then(|id| str::from_utf8(id).ok());
        id.ok_or_else(refused)
    }

    fn payload(&self, scope: CursorScope) -> Option<&[u8]> {
        self.0.strip_prefix(&scope.0)
    }
}

fn encode(scope: CursorScope, payload: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode([&scope.0, payload].concat())
}

fn position(payload: &[u8]) -> Option<Position> {
    type Parts<'a> = (Hour, &'a str, &'a str, &'a str);
    let ((hour, src_app, dest_app, vpc_id), rest): (Parts<'_>, _) =
        postcard::take_from_bytes(payload).ok()?;
    let name = |text: &str| Name::new(text.to_owned()).ok();
    let key = FlowKey { src_app: name(src_app)?, dest_app: name(dest_app)?, vpc_id: name(vpc_id)? };
    rest.is_empty().then_some(Position { hour, key })
}

fn refused() -> ParamError {
    ParamError::bad("cursor", "must come from an answer to the same query")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::Filter;

    fn cursor(text: &str) -> Result<Cursor, ParamError> {
        Cursor::take(&mut Query::parse(&format!("cursor={text}"))?).map(Option::unwrap)
    }

    fn here() -> Position {
        let name = |text: &'static str| Name::new(text).unwrap();
        let key = FlowKey { src_app: name("a"), dest_app: name("ß"), vpc_id: name("v") };
        Position { hour: Hour::MAX, key }
    }

    fn of_app(pattern: Pattern) -> Selection {
        let mut filter = Filter::default();
        filter.require(NameField::SrcApp, vec![pattern]);
        Selection { hours: 1..=2, filter, reporter: None }
    }

    #[test]
    fn a_cursor_comes_back_as_the_position_that_it_was() {
        let scope = CursorScope::flows(&Selection::all());
        let text = Cursor::after(scope, &here());
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert_eq!(cursor(&text).unwrap().position(scope), Ok(here()));
        let instance = Cursor::after_instance("i/1");
        assert_eq!(cursor(&instance).unwrap().instance(), Ok("i/1"));
        assert!(cursor(&instance).unwrap().position(scope).is_err());
        assert!(cursor(&text).unwrap().instance().is_err());
    }

    #[test]
    fn a_cursor_fits_no_other_selection() {
        let selections = [
            Selection::hour(1),
            Selection::all(),
            of_app(Pattern::Exact("a".to_owned())),
            of_app(Pattern::Prefix("a".to_owned())),
            of_app(Pattern::Exact("b".to_owned())),
            Selection { reporter: Some(Reporter::Source), ..Selection::all() },
            Selection { reporter: Some(Reporter::Destination), ..Selection::all() },
        ];
        for (n, selection) in selections.iter().enumerate() {
            let text = Cursor::after(CursorScope::flows(selection), &here());
            for (m, other) in selections.iter().enumerate() {
                let position = cursor(&text).unwrap().position(CursorScope::flows(other));
                assert_eq!(position.is_ok(), n == m, "{selection:?} {other:?}");
            }
        }
    }

    #[test]
    fn garbage_is_refused() {
        let scope = CursorScope::flows(&Selection::all());
        let good = Cursor::after(scope, &here());
        for bad in ["", "x", "=", "AAAA", &good[1..], &good[..good.len() - 2], &format!("{good}AA")]
        {
            let position = cursor(bad).and_then(|cursor| cursor.position(scope));
            assert_eq!(position, Err(refused()), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes: Vec<u8>) {
            let scope = CursorScope::flows(&Selection::all());
            let forged = Cursor([&scope.0, bytes.as_slice()].concat());
            let _ = forged.position(scope);
            let _ = forged.instance();
            let _ = cursor(&String::from_utf8_lossy(&bytes).replace('%', ""));
        }
    }
}
