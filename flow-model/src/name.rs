//! `Name`: a bounded, printable, non-empty string, as every part of a flow's key is.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use crate::limits::MAX_NAME_BYTES;

/// The app of a peer that could not be told.
pub const UNKNOWN: &str = "_unknown";

/// The app that takes the bytes of flows beyond a table's bound.
pub const OTHER: &str = "_other";

/// The length of the mark that [`Name::bounded`] puts at the end of a name that it cut.
const CUT_MARK_BYTES: usize = 17;

/// A name: 1 to [`MAX_NAME_BYTES`] bytes of UTF-8 without control characters.
///
/// Names compare and sort by their bytes; nothing is trimmed, folded or normalised.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name<'a>(Cow<'a, str>);

/// Why a string is not a [`Name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The string is empty.
    #[error("must not be empty")]
    Empty,
    /// The string is longer than [`MAX_NAME_BYTES`].
    #[error("must be at most {MAX_NAME_BYTES} bytes of UTF-8, not {0}")]
    TooLong(usize),
    /// The string has a control character (Unicode category Cc).
    #[error("must not contain control characters (U+{0:04X} found)")]
    Control(u32),
}

impl<'a> Name<'a> {
    /// Checks `text` and makes it a name, unchanged.
    ///
    /// # Errors
    /// When `text` is empty, too long, or has control characters.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Result<Self, NameError> {
        let text = text.into();
        match fault_of(&text) {
            Some(error) => Err(error),
            None => Ok(Self(text)),
        }
    }

    /// Makes a name of whatever a sidecar finds, or nothing of an empty string.
    ///
    /// Control characters become U+FFFD. What is longer than [`MAX_NAME_BYTES`] is cut, and ends
    /// with `~` and 16 hexadecimal digits of a hash (FNV-1a) of the whole, so that two long names
    /// with the same start stay two names.
    pub fn bounded(text: &str) -> Option<Name<'static>> {
        if text.is_empty() {
            return None;
        }
        let printable: String = text
            .chars()
            .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
            .collect();
        if printable.len() <= MAX_NAME_BYTES {
            return Some(Name(Cow::Owned(printable)));
        }
        let end = printable.floor_char_boundary(MAX_NAME_BYTES - CUT_MARK_BYTES);
        let kept = printable.get(..end).unwrap_or_default();
        Some(Name(Cow::Owned(format!("{kept}~{:016x}", fnv1a(text.as_bytes())))))
    }

    /// A name of 1 to [`MAX_NAME_BYTES`] bytes of printable ASCII, as the caller has seen to.
    pub(crate) fn of_printable_ascii(text: &'a str) -> Self {
        debug_assert!(fault_of(text).is_none());
        Self(Cow::Borrowed(text))
    }

    /// The name [`UNKNOWN`].
    pub const fn unknown() -> Name<'static> {
        Name(Cow::Borrowed(UNKNOWN))
    }

    /// The name [`OTHER`].
    pub const fn other() -> Name<'static> {
        Name(Cow::Borrowed(OTHER))
    }

    /// The same name, borrowing from this one.
    pub fn by_ref(&self) -> Name<'_> {
        Name(Cow::Borrowed(&self.0))
    }

    /// The same name, owning its text.
    pub fn into_owned(self) -> Name<'static> {
        Name(Cow::Owned(self.0.into_owned()))
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Name<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn fault_of(text: &str) -> Option<NameError> {
    if text.is_empty() {
        return Some(NameError::Empty);
    }
    if text.len() > MAX_NAME_BYTES {
        return Some(NameError::TooLong(text.len()));
    }
    // Almost every name is printable ASCII: look at bytes first, and at characters only when
    // there is something else.
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return None;
    }
    text.chars().find(|c| c.is_control()).map(|c| NameError::Control(c.into()))
}

/// 64-bit FNV-1a: short, stable for ever, and good enough to tell names apart.
/// <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_limit_counts_bytes() {
        assert!(Name::new("x".repeat(MAX_NAME_BYTES)).is_ok());
        assert_eq!(
            Name::new("x".repeat(MAX_NAME_BYTES + 1)),
            Err(NameError::TooLong(MAX_NAME_BYTES + 1))
        );
        assert!(Name::new("é".repeat(MAX_NAME_BYTES / 2)).is_ok());
        assert!(Name::new("é".repeat(MAX_NAME_BYTES / 2 + 1)).is_err());
    }

    #[test]
    fn control_characters_are_refused_and_other_unicode_passes() {
        for bad in ["a\0b", "\n", "a\x7f", "\u{85}", "\t"] {
            assert!(matches!(Name::new(bad), Err(NameError::Control(_))), "{bad:?}");
        }
        for good in ["a b", "ü", "日本", "a\u{301}", "👩‍💻", "\u{202e}x", "a/b|c:d"] {
            assert_eq!(Name::new(good).unwrap().as_str(), good);
        }
        assert_eq!(Name::new(""), Err(NameError::Empty));
    }

    #[test]
    fn bounded_names_are_always_names_and_long_ones_stay_apart() {
        let long_a = format!("{}a", "ß".repeat(400));
        let long_b = format!("{}b", "ß".repeat(400));
        let (a, b) = (Name::bounded(&long_a).unwrap(), Name::bounded(&long_b).unwrap());
        assert_ne!(a, b);
        for name in [&a, &b, &Name::bounded("x\ny").unwrap()] {
            assert_eq!(Name::new(name.as_str().to_owned()).as_ref(), Ok(name));
        }
        assert_eq!(Name::bounded("x\ny").unwrap().as_str(), "x\u{fffd}y");
        let exact = "x".repeat(MAX_NAME_BYTES);
        assert_eq!(Name::bounded(&exact).unwrap().as_str(), exact);
        assert_eq!(Name::bounded(""), None);
    }
}
