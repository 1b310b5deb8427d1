//! Settings of `fas serve`: flags win over the environment, the environment over the
//! configuration file, and the file over the defaults.

use std::path::{Path, PathBuf};

use clap::Args;
use log::LevelFilter;
use serde::Deserialize;

use crate::limits::DEFAULT_CHECKPOINT_BYTES;

const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

/// What a flag, the environment or the configuration file may say.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "FAS_LISTEN", value_name = "ADDR")]
    listen: Option<String>,

    /// Directory for the data [default: fas in the user's data home, ~/.local/share]
    #[arg(long, env = "FAS_DATA", value_name = "DIR")]
    data: Option<PathBuf>,

    /// How much to log: off, error, warn, info, debug or trace [default: info]
    #[arg(long, env = "FAS_LOG", value_name = "LEVEL")]
    log: Option<LevelFilter>,

    /// Size of the log at which a checkpoint is written, in bytes [default: 67108864]
    #[arg(long, env = "FAS_CHECKPOINT_BYTES", value_name = "BYTES",
          value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_bytes: Option<u64>,
}

/// What holds in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The address to listen on, `HOST:PORT`.
    pub listen: String,
    /// The data directory.
    pub data: PathBuf,
    /// What is logged.
    pub log: LevelFilter,
    /// The size of the log at which a checkpoint is written, in bytes.
    pub checkpoint_bytes: u64,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {path} cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("the configuration file {path} is not valid: {reason}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: toml::de::Error,
    },
    /// A value in the file is out of its range.
    #[error("checkpoint_bytes must be at least 1")]
    CheckpointBytes,
    /// No data directory is given, and there is no home to put it into.
    #[error(
        "no data directory: give --data DIR or set FAS_DATA (neither XDG_DATA_HOME nor HOME is set)"
    )]
    NoData,
}

impl Settings {
    /// Completes the settings with those of a file, and with the defaults.
    ///
    /// # Errors
    /// When the file cannot be used, or there is no directory for the data.
    pub fn complete(
        self,
        file: Option<&Path>,
        variable: impl Fn(&str) -> Option<PathBuf>,
    ) -> Result<Config, ConfigError> {
        let file = file.map(read).transpose()?.unwrap_or_default();
        let checkpoint_bytes = self.checkpoint_bytes.or(file.checkpoint_bytes);
        let checkpoint_bytes = checkpoint_bytes.unwrap_or(DEFAULT_CHECKPOINT_BYTES);
        if checkpoint_bytes == 0 {
            return Err(ConfigError::CheckpointBytes);
        }
        Ok(Config {
            listen: self.listen.or(file.listen).unwrap_or_else(|| DEFAULT_LISTEN.to_owned()),
            data: match self.data.or(file.data) {
                Some(data) => data,
                None => default_data(variable).ok_or(ConfigError::NoData)?,
            },
            log: self.log.or(file.log).unwrap_or(LevelFilter::Info),
            checkpoint_bytes,
        })
    }
}

fn read(path: &Path) -> Result<Settings, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|reason| ConfigError::Unreadable { path: path.to_owned(), reason })?;
    toml::from_str(&text).map_err(|reason| ConfigError::Invalid { path: path.to_owned(), reason })
}

/// `fas` in the user's data home, by the XDG base directory specification: an empty or relative
/// `XDG_DATA_HOME` counts as not set.
fn default_data(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let data_home = variable("XDG_DATA_HOME").filter(|path| path.is_absolute());
    let home = || variable("HOME").filter(|path| path.is_absolute());
    Some(data_home.or_else(|| Some(home()?.join(".local/share")))?.join("fas"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(name: &str) -> Option<PathBuf> {
        (name == "HOME").then(|| PathBuf::from("/home/u"))
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, text).unwrap();
        file
    }

    #[test]
    fn defaults_hold_when_nothing_is_said() {
        let config = Settings::default().complete(None, home).unwrap();
        assert_eq!(config.listen, "127.0.0.1:8080");
        assert_eq!(config.data, Path::new("/home/u/.local/share/fas"));
        assert!(matches!(Settings::default().complete(None, |_| None), Err(ConfigError::NoData)));
        let relative = |name: &str| Some(PathBuf::from(if name == "HOME" { "/h" } else { "x" }));
        let config = Settings::default().complete(None, relative).unwrap();
        assert_eq!(config.data, Path::new("/h/.local/share/fas"));
    }

    #[test]
    fn flags_win_over_the_file() {
        let file = file("listen = \"[::1]:1\"\ndata = \"/d\"\nlog = \"warn\"\n");
        let settings = Settings { listen: Some("[::1]:2".to_owned()), ..Settings::default() };
        let config = settings.complete(Some(file.path()), home).unwrap();
        assert_eq!((config.listen.as_str(), config.log), ("[::1]:2", LevelFilter::Warn));
        assert_eq!(config.data, Path::new("/d"));
    }

    #[test]
    fn a_bad_file_is_refused_by_field() {
        for (text, named) in [
            ("lisen = \"x\"", "lisen"),
            ("checkpoint_bytes = \"1\"", "checkpoint_bytes"),
            ("log = \"loud\"", "log"),
        ] {
            let file = file(text);
            let error = Settings::default().complete(Some(file.path()), home).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
        }
        let zero = file("checkpoint_bytes = 0");
        assert!(Settings::default().complete(Some(zero.path()), home).is_err());
        let gone = Settings::default().complete(Some(Path::new("/nonexistent")), home);
        assert!(matches!(gone, Err(ConfigError::Unreadable { .. })));
    }
}
