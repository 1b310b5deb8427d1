//! `Query`: the pairs of a query string, taken one by one, so that what nobody knows is left over.

use std::ops::RangeInclusive;

use super::ParamError;
use crate::limits::MAX_QUERY_BYTES;

/// The parameters that have not been looked at yet, in the order in which they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `application/x-www-form-urlencoded` text strictly: what is not UTF-8, or has a `%`
    /// that starts no escape, is refused instead of replaced.
    pub fn parse(text: &str) -> Result<Self, ParamError> {
        if text.len() > MAX_QUERY_BYTES {
            return Err(ParamError::TooLong);
        }
        let pieces = text.split('&').filter(|piece| !piece.is_empty());
        let pairs = pieces.map(|piece| {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let bad =
                |what| ParamError::bad(name.to_owned(), format!("its {what} is not encoded well"));
            let decoded = decode(name).ok_or_else(|| bad("name"))?;
            Ok((decoded, decode(value).ok_or_else(|| bad("value"))?))
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }

    /// Takes a parameter that may be given once.
    pub fn one(&mut self, name: &'static str) -> Result<Option<String>, ParamError> {
        let mut values = self.all(name);
        match values.len() {
            0 | 1 => Ok(values.pop()),
            _ => Err(ParamError::bad(name, "is given twice")),
        }
    }

    /// Takes a parameter that may be given again and again.
    pub fn all(&mut self, name: &str) -> Vec<String> {
        let named = self.0.extract_if(.., |(known, _)| known == name);
        named.map(|(_, value)| value).collect()
    }

    /// Takes an integer within a range.
    pub fn integer(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, ParamError> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        integer(&text).filter(|value| range.contains(value)).map(Some).ok_or_else(|| {
            let (min, max) = range.into_inner();
            ParamError::bad(name, format!("must be an integer from {min} to {max}, not {text:?}"))
        })
    }

    /// Takes the number of rows that are wanted: from 1 to `max`.
    pub fn limit(&mut self, max: usize) -> Result<Option<usize>, ParamError> {
        let limit = self.integer("limit", 1..=max as u64)?;
        Ok(limit.map(|limit| usize::try_from(limit).unwrap_or(max)))
    }

    /// Refuses what has not been taken.
    pub fn finish(self) -> Result<(), ParamError> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => Err(ParamError::bad(name, "unknown parameter")),
        }
    }

    /// The same parameters without one of them, and with this value for it at the end, as a query
    /// string.
    pub fn with(&self, name: &str, value: &str) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(self.0.iter().filter(|(known, _)| known != name));
        text.append_pair(name, value).finish()
    }
}

/// Digits only: `u64::from_str` would also take a plus sign.
pub(super) fn integer(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query(text: &str) -> Query {
        Query::parse(text).unwrap()
    }

    #[test]
    fn parameters_are_taken_by_name_and_the_rest_is_refused() {
        let mut taken = query("a=1&b=x%20y+z&a=%C3%9F&c");
        assert_eq!(taken.all("a"), ["1", "ß"]);
        assert_eq!(taken.one("b"), Ok(Some("x y z".to_owned())));
        assert_eq!(taken.one("b"), Ok(None));
        let left = ParamError::bad("c", "unknown parameter");
        assert_eq!(taken.clone().finish(), Err(left));
        assert_eq!(taken.one("c"), Ok(Some(String::new())));
        assert_eq!(taken.finish(), Ok(()));
        assert!(matches!(query("a=1&a=1").one("a"), Err(ParamError::Bad { .. })));
    }

    #[test]
    fn what_is_not_encoded_well_is_refused_by_name() {
        for bad in ["a=%", "a=%4", "a=%4g", "a=%FF", "a=%+1", "%ff=1"] {
            let error = Query::parse(bad).unwrap_err();
            assert!(matches!(error, ParamError::Bad { .. }), "{bad}");
        }
        assert_eq!(Query::parse(&"a".repeat(MAX_QUERY_BYTES + 1)), Err(ParamError::TooLong));
        assert!(Query::parse(&"a".repeat(MAX_QUERY_BYTES)).is_ok());
    }

    #[test]
    fn integers_are_digits_within_their_range() {
        for (text, value) in [("1", 1), ("10", 10), ("007", 7)] {
            assert_eq!(query(&format!("limit={text}")).limit(10), Ok(Some(value)));
        }
        for bad in ["", "0", "11", "-1", "%2B1", "1.0", "1e1", "x", "99999999999999999999"] {
            let error = query(&format!("limit={bad}")).limit(10).unwrap_err();
            assert!(error.to_string().contains("integer from 1 to 10"), "{bad}: {error}");
        }
        assert_eq!(query("").limit(10), Ok(None));
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in any::<String>()) {
            let _ = Query::parse(&text);
        }

        #[test]
        fn what_is_written_is_read_back(pairs: Vec<(String, String)>, value: String) {
            let query = Query(pairs);
            let mut expected = query.clone();
            expected.all("cursor");
            expected.0.push(("cursor".to_owned(), value.clone()));
            let text = query.with("cursor", &value);
            if text.len() <= MAX_QUERY_BYTES {
                prop_assert_eq!(Query::parse(&text), Ok(expected));
            }
        }
    }
}
