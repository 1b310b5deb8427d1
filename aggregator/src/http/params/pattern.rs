//! What a name may be, in a query string: `name`, or `start*`. A star at the end that is meant
//! literally is written `\*`, and backslashes before a star at the end are doubled.

use flow_model::{Name, NameError};

use crate::store::Pattern;

/// Reads a pattern. Only a star at the end is special, and backslashes right before it.
pub(super) fn parse(text: &str) -> Result<Pattern, NameError> {
    let pattern = match text.strip_suffix('*') {
        None => Pattern::Exact(text.to_owned()),
        Some(stem) => {
            let start = stem.trim_end_matches('\\');
            let backslashes = stem.len() - start.len();
            let mut name = format!("{start}{}", "\\".repeat(backslashes / 2));
            if backslashes.is_multiple_of(2) {
                Pattern::Prefix(name)
            } else {
                name.push('*');
                Pattern::Exact(name)
            }
        }
    };
    match &pattern {
        Pattern::Prefix(start) if start.is_empty() => {}
        Pattern::Prefix(text) | Pattern::Exact(text) => drop(Name::new(text.as_str())?),
    }
    Ok(pattern)
}

#[cfg(test)]
mod tests {
    use flow_model::limits::MAX_NAME_BYTES;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_a_star_at_the_end_is_special() {
        let exact = |text: &str| Ok(Pattern::Exact(text.to_owned()));
        let prefix = |text: &str| Ok(Pattern::Prefix(text.to_owned()));
        assert_eq!(parse("a"), exact("a"));
        assert_eq!(parse("a*"), prefix("a"));
        assert_eq!(parse("*"), prefix(""));
        assert_eq!(parse("a**"), prefix("a*"));
        assert_eq!(parse("*a"), exact("*a"));
        assert_eq!(parse(r"a\*"), exact("a*"));
        assert_eq!(parse(r"a\\*"), prefix(r"a\"));
        assert_eq!(parse(r"a\\\*"), exact(r"a\*"));
        assert_eq!(parse(r"a\b\"), exact(r"a\b\"));
        assert_eq!(parse(r"\*\*"), exact(r"\**"));
    }

    #[test]
    fn what_no_name_can_be_is_refused() {
        assert_eq!(parse(""), Err(NameError::Empty));
        assert!(parse("a\nb").is_err() && parse("a\nb*").is_err());
        let longest = "x".repeat(MAX_NAME_BYTES);
        assert!(parse(&longest).is_ok() && parse(&format!("{longest}*")).is_ok());
        assert!(parse(&format!("{longest}x")).is_err() && parse(&format!("{longest}x*")).is_err());
    }

    proptest! {
        #[test]
        fn every_name_and_every_prefix_can_be_asked_for(name in r"[a\\*]{1,8}") {
            // Whoever escapes a name does this.
            let stem = name.strip_suffix('*');
            let tail = |text: &str| text.len() - text.trim_end_matches('\\').len();
            let literal = match stem {
                Some(stem) => format!("{stem}{}\\*", "\\".repeat(tail(stem))),
                None => name.clone(),
            };
            prop_assert_eq!(parse(&literal), Ok(Pattern::Exact(name.clone())));
            let prefix = format!("{name}{}*", "\\".repeat(tail(&name)));
            prop_assert_eq!(parse(&prefix), Ok(Pattern::Prefix(name)));
        }

        #[test]
        fn no_text_is_too_strange(text in any::<String>()) {
            let _ = parse(&text);
        }
    }
}
