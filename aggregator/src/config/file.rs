//! The configuration file: TOML, with the names of the settings as keys.

use std::path::Path;

use super::{ConfigError, Settings};

/// What the file says.
pub(super) fn read(path: &Path) -> Result<Settings, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|reason| ConfigError::Unreadable { path: path.to_owned(), reason })?;
    toml::from_str(&text).map_err(|reason| ConfigError::Invalid { path: path.to_owned(), reason })
}
