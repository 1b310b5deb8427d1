//! Where fetched things are kept: the user's cache directory, so that every checkout finds them.

use std::path::PathBuf;

use crate::failure::{Failure, Result};

/// The directory, by the XDG base directory specification. It need not exist yet.
pub fn directory() -> Result<PathBuf> {
    let given = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::home_dir().map(|home| home.join(".cache"));
    given
        // The specification has relative paths ignored.
        .filter(|path| path.is_absolute())
        .or_else(home)
        .map(|cache| cache.join("flow-aggregation-service"))
        .ok_or_else(|| Failure::new("neither XDG_CACHE_HOME nor HOME is set"))
}
