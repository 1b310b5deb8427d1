//! Settings of `fas serve`: flags win over the environment, the environment over the
//! configuration file, and the file over the defaults.
//!
//! A new setting is an entry in `settings.rs`, a field of [`Config`], and its default in
//! [`Settings::complete`].

mod exposure;
mod file;
mod settings;
mod store;

use std::num::NonZero;
use std::path::{Path, PathBuf};

use log::LevelFilter;

pub use self::exposure::Exposed;
pub use self::settings::Settings;
use crate::limits::DEFAULT_MAX_CONNECTIONS;
use crate::metrics::Metrics;
use crate::serve::{Terms, Timeouts, TlsFiles};
use crate::store::cluster;
use crate::store::embedded::Options;

const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

/// What holds in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The address to listen on, `HOST:PORT`.
    pub listen: String,
    /// Where the data are, and what is kept of them.
    pub store: StoreConfig,
    /// What is logged.
    pub log: LevelFilter,
    /// Who gets in, and how long they may take.
    pub terms: Terms,
    /// Whether everybody who reaches the address may come in.
    pub insecure: bool,
}

/// Where the data are, and what is kept of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreConfig {
    /// In a directory of this machine.
    Directory(PathBuf, Options),
    /// In a Redis Cluster.
    Cluster(Box<cluster::Options>),
}

impl std::fmt::Display for StoreConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Directory(path, _) => write!(f, "{}", path.display()),
            Self::Cluster(options) => write!(f, "{}", options.target),
        }
    }
}

impl StoreConfig {
    /// Has the metrics tell what is kept.
    pub fn announce(&self, metrics: &Metrics) {
        let (retain_hours, budget) = match self {
            Self::Directory(_, options) => (options.retain_hours, options.memory_budget),
            Self::Cluster(options) => (options.retain_hours, 0),
        };
        metrics.retain_hours.set(retain_hours.map_or(0, |hours| hours.get().into()));
        metrics.memory_budget_bytes.set(i64::try_from(budget).unwrap_or(i64::MAX));
    }
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
    /// No data directory is given, and there is no home to put it into.
    #[error(
        "no data directory: give --data DIR or set FAS_DATA (neither XDG_DATA_HOME nor HOME is set)"
    )]
    NoData,
    /// The address of the cluster cannot be read.
    #[error("--store is {0}")]
    Store(#[from] cluster::TargetError),
    /// The data can be in one place only, and some settings are for one kind of place.
    #[error("{0} is not for data in {1}: give --data or --store, and only what belongs to it")]
    Misplaced(&'static str, &'static str),
    /// The password of the cluster's user cannot be read.
    #[error("the password file {path} cannot be read: {reason}")]
    Password {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// TLS needs both.
    #[error("--tls-cert and --tls-key are needed together")]
    HalfTls,
    /// Clients cannot show certificates without TLS.
    #[error("--tls-client-ca needs --tls-cert and --tls-key")]
    ClientCaAlone,
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
        let settings = self.or(file.map(file::read).transpose()?.unwrap_or_default());
        let store = match &settings.store {
            Some(target) => StoreConfig::Cluster(Box::new(settings.cluster(target)?)),
            None => settings.directory(variable)?,
        };
        let tls = tls_files(settings.tls_cert, settings.tls_key, settings.tls_client_ca)?;
        Ok(Config {
            listen: settings.listen.unwrap_or_else(|| DEFAULT_LISTEN.to_owned()),
            log: settings.log.unwrap_or(LevelFilter::Info),
            store,
            terms: Terms {
                tokens: settings.tokens,
                tls,
                max_connections: settings
                    .max_connections
                    .map_or(DEFAULT_MAX_CONNECTIONS, NonZero::get),
                timeouts: settings
                    .patience_ms
                    .map_or_else(Timeouts::default, |most| Timeouts::default().at_most_ms(most)),
            },
            insecure: settings.insecure.unwrap_or(false),
        })
    }
}

fn tls_files(
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    client_ca: Option<PathBuf>,
) -> Result<Option<TlsFiles>, ConfigError> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key, client_ca })),
        (None, None) if client_ca.is_some() => Err(ConfigError::ClientCaAlone),
        (None, None) => Ok(None),
        _ => Err(ConfigError::HalfTls),
    }
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
        let data = |path: &str| StoreConfig::Directory(path.into(), Options::default());
        assert_eq!(config.store, data("/home/u/.local/share/fas"));
        assert_eq!(config.terms.max_connections, DEFAULT_MAX_CONNECTIONS);
        assert!(config.terms.tokens.is_none() && config.terms.tls.is_none());
        assert!(!config.insecure);
        assert!(matches!(Settings::default().complete(None, |_| None), Err(ConfigError::NoData)));
        let relative = |name: &str| Some(PathBuf::from(if name == "HOME" { "/h" } else { "x" }));
        let config = Settings::default().complete(None, relative).unwrap();
        assert_eq!(config.store, data("/h/.local/share/fas"));
    }

    #[test]
    fn flags_win_over_the_file() {
        let file = file(
            "listen = \"[::1]:1\"\ndata = \"/d\"\nlog = \"warn\"\ninsecure = true\n\
             tokens = \"/t\"\nmax_connections = 7\ntls_cert = \"/c\"\ntls_key = \"/k\"\n",
        );
        let settings = Settings {
            listen: Some("[::1]:2".to_owned()),
            max_connections: std::num::NonZero::new(8),
            ..Settings::default()
        };
        let config = settings.complete(Some(file.path()), home).unwrap();
        assert_eq!((config.listen.as_str(), config.log), ("[::1]:2", LevelFilter::Warn));
        assert_eq!(config.store, StoreConfig::Directory("/d".into(), Options::default()));
        assert!(config.insecure);
        assert_eq!(config.terms.max_connections, 8);
        assert_eq!(config.terms.tokens.as_deref(), Some(Path::new("/t")));
        assert_eq!(config.terms.tls.unwrap().key, Path::new("/k"));
    }

    #[test]
    fn a_bad_file_is_refused_by_field() {
        for (text, named) in [
            ("lisen = \"x\"", "lisen"),
            ("checkpoint_bytes = \"1\"", "checkpoint_bytes"),
            ("checkpoint_bytes = 0", "checkpoint_bytes"),
            ("max_connections = 0", "max_connections"),
            ("retain_hours = 0", "retain_hours"),
            ("dedupe_hours = 0", "dedupe_hours"),
            ("hot_hours = -1", "hot_hours"),
            ("insecure = \"no\"", "insecure"),
            ("log = \"loud\"", "log"),
        ] {
            let file = file(text);
            let error = Settings::default().complete(Some(file.path()), home).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
        }
        let gone = Settings::default().complete(Some(Path::new("/nonexistent")), home);
        assert!(matches!(gone, Err(ConfigError::Unreadable { .. })));
    }

    #[test]
    fn half_of_tls_is_refused() {
        for text in ["tls_cert = \"/c\"", "tls_key = \"/k\"", "tls_client_ca = \"/a\""] {
            let file = file(text);
            let error = Settings::default().complete(Some(file.path()), home).unwrap_err();
            assert!(error.to_string().contains("--tls-cert and --tls-key"), "{error}");
        }
    }
}
