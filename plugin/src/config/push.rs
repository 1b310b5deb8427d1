//! `PushConfig`: where batches go, how often, and how long a push may take.

use super::error::ConfigError;
use super::object::Field;
use crate::limits;

/// The settings of `push`, as the configuration names them.
pub const FIELDS: &[&str] =
    &["cluster", "path", "authority", "interval_ms", "timeout_ms", "bearer_token"];

const DEFAULT_PATH: &str = "/v1/batches";

/// Where batches go, how often, and how long a push may take.
pub struct PushConfig {
    /// The Envoy cluster of the aggregators.
    pub cluster: String,
    /// The path to which a batch is posted.
    pub path: String,
    /// The host name of the request.
    pub authority: String,
    /// The time between two pushes, in milliseconds.
    pub interval_ms: u64,
    /// The time that a push may take, in milliseconds.
    pub timeout_ms: u64,
    /// What proves to the aggregator that the filter may push.
    pub bearer_token: Option<BearerToken>,
}

/// A secret: it has no `Debug` and no `Display`, so that it cannot slip into a log.
pub struct BearerToken(String);

impl BearerToken {
    /// The value of the `authorization` header.
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl PushConfig {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, ConfigError> {
        let object = field.object(FIELDS)?;
        let cluster = object.required("cluster")?.text()?.to_owned();
        let path = match object.optional("path") {
            Some(path) => read_path(&path)?,
            None => DEFAULT_PATH.to_owned(),
        };
        let authority = match object.optional("authority") {
            Some(authority) => authority.header_text()?.to_owned(),
            None => cluster.clone(),
        };
        let token = object.optional("bearer_token");
        Ok(Self {
            cluster,
            path,
            authority,
            interval_ms: object.integer(
                "interval_ms",
                limits::INTERVAL_MS,
                limits::DEFAULT_INTERVAL_MS,
            )?,
            timeout_ms: object.integer(
                "timeout_ms",
                limits::TIMEOUT_MS,
                limits::DEFAULT_TIMEOUT_MS,
            )?,
            bearer_token: token
                .map(|token| token.header_text().map(|text| BearerToken(text.to_owned())))
                .transpose()?,
        })
    }
}

fn read_path(field: &Field<'_>) -> Result<String, ConfigError> {
    let path = field.header_text()?;
    if path.starts_with('/') {
        Ok(path.to_owned())
    } else {
        Err(field.expected("a path that starts with /"))
    }
}
