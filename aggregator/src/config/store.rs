//! Where the data are: a directory of this machine, or a Redis Cluster. Each has settings of its
//! own, and what is said for the one and not used by the other is an error.

use std::num::NonZero;
use std::path::PathBuf;

use super::{ConfigError, Settings, StoreConfig};
use crate::limits::{
    DEFAULT_CHECKPOINT_BYTES, DEFAULT_DEDUPE_HOURS, DEFAULT_HOT_HOURS, DEFAULT_MEMORY_BUDGET,
};
use crate::store::cluster::{self, Target};
use crate::store::embedded::Options;

impl Settings {
    /// The settings of a directory.
    pub(super) fn directory(
        &self,
        variable: impl Fn(&str) -> Option<PathBuf>,
    ) -> Result<StoreConfig, ConfigError> {
        for (is_set, name) in [
            (self.store_password_file.is_some(), "--store-password-file"),
            (self.store_ca.is_some(), "--store-ca"),
            (self.replica_acks.is_some(), "--replica-acks"),
            (self.read_replicas.is_some(), "--read-replicas"),
        ] {
            if is_set {
                return Err(ConfigError::Misplaced(name, "a directory"));
            }
        }
        let data = match &self.data {
            Some(data) => data.clone(),
            None => default_data(variable).ok_or(ConfigError::NoData)?,
        };
        let options = Options {
            checkpoint_bytes: self.checkpoint_bytes.map_or(DEFAULT_CHECKPOINT_BYTES, NonZero::get),
            retain_hours: self.retain_hours,
            hot_hours: self.hot_hours.unwrap_or(DEFAULT_HOT_HOURS),
            memory_budget: self.memory_budget.unwrap_or(DEFAULT_MEMORY_BUDGET),
            dedupe_hours: self.dedupe_hours.map_or(DEFAULT_DEDUPE_HOURS, NonZero::get),
        };
        Ok(StoreConfig::Directory(data, options))
    }

    /// The settings of a cluster.
    pub(super) fn cluster(&self, target: &str) -> Result<cluster::Options, ConfigError> {
        for (is_set, name) in [
            (self.data.is_some(), "--data"),
            (self.checkpoint_bytes.is_some(), "--checkpoint-bytes"),
            (self.hot_hours.is_some(), "--hot-hours"),
            (self.memory_budget.is_some(), "--memory-budget"),
        ] {
            if is_set {
                return Err(ConfigError::Misplaced(name, "a cluster"));
            }
        }
        let mut target = Target::parse(target)?;
        if let Some(path) = &self.store_password_file {
            let unreadable = |reason| ConfigError::Password { path: path.clone(), reason };
            target.password = Some(Target::read_password(path).map_err(unreadable)?);
        }
        Ok(cluster::Options {
            target,
            authorities: self.store_ca.clone(),
            replica_acks: self.replica_acks.map(usize::from),
            reads_replicas: self.read_replicas.unwrap_or(false),
            retain_hours: self.retain_hours,
            dedupe_hours: self.dedupe_hours.map_or(DEFAULT_DEDUPE_HOURS, NonZero::get),
        })
    }
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

    fn cluster() -> Settings {
        Settings { store: Some("redis://h:1/name".to_owned()), ..Settings::default() }
    }

    fn completed(settings: Settings) -> Result<StoreConfig, ConfigError> {
        settings.complete(None, |_| Some("/home/u".into())).map(|config| config.store)
    }

    #[test]
    fn a_cluster_takes_the_place_of_a_directory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "secret\n").unwrap();
        let settings = Settings {
            store_password_file: Some(file.path().to_owned()),
            replica_acks: Some(2),
            ..cluster()
        };
        let Ok(StoreConfig::Cluster(options)) = completed(settings) else { panic!("a cluster") };
        assert_eq!(options.target.password.as_deref(), Some("secret"));
        assert_eq!((options.replica_acks, options.reads_replicas), (Some(2), false));
        assert_eq!(options.target.to_string(), "redis://h:1/name");
    }

    #[test]
    fn what_belongs_to_another_place_is_refused() {
        let settings = Settings { data: Some("/d".into()), ..cluster() };
        let error = completed(settings).unwrap_err();
        assert!(error.to_string().starts_with("--data is not for data in a cluster"), "{error}");
        let settings = Settings { hot_hours: Some(1), ..cluster() };
        assert!(completed(settings).is_err());
        let settings = Settings { replica_acks: Some(1), ..Settings::default() };
        let error = completed(settings).unwrap_err();
        assert!(error.to_string().starts_with("--replica-acks"), "{error}");
        let settings = Settings { store: Some("http://h".to_owned()), ..Settings::default() };
        assert!(completed(settings).unwrap_err().to_string().starts_with("--store is not"));
        let settings = Settings { store_password_file: Some("/nonexistent".into()), ..cluster() };
        assert!(matches!(completed(settings), Err(ConfigError::Password { .. })));
    }
}
