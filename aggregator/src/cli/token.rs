//! `Token`: who asks. It is never part of the command line, where others could see it.

use std::path::Path;

use ureq::http::HeaderValue;

use super::error::CliError;

/// The variable that holds a token.
const VARIABLE: &str = "FAS_TOKEN";

/// The `authorization` header for the token in a file or else in the environment; none without.
pub(super) fn authorization(file: Option<&Path>) -> Result<Option<HeaderValue>, CliError> {
    let (text, place) = match file {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                CliError::Usage(format!("cannot read the token in {}: {error}", path.display()))
            })?;
            (text, path.display().to_string())
        }
        None => match std::env::var(VARIABLE) {
            Ok(text) => (text, VARIABLE.to_owned()),
            Err(std::env::VarError::NotPresent) => return Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => (String::new(), VARIABLE.to_owned()),
        },
    };
    let header = bearer(text.trim());
    header.map(Some).ok_or_else(|| CliError::Usage(format!("there is no token in {place}")))
}

/// The header of a token, marked as a secret; none if the text cannot be a token.
fn bearer(token: &str) -> Option<HeaderValue> {
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_from_a_file_and_kept_out_of_sight() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "fas_abc\n").unwrap();
        let header = authorization(Some(file.path())).unwrap().unwrap();
        assert_eq!(header, "Bearer fas_abc");
        assert!(!format!("{header:?}").contains("abc"));
        for bad in ["", "\n", "two words", "a\nb"] {
            std::fs::write(&file, bad).unwrap();
            let error = authorization(Some(file.path())).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{bad:?}");
        }
        assert!(authorization(Some(Path::new("/nonexistent"))).is_err());
    }
}
