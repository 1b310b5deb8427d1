//! `Connection`: the flags that say which server is asked and how, and the HTTP agent that they
//! make.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy};

use super::error::CliError;
use super::url::BaseUrl;
use crate::limits::CLIENT_CONNECT_TIMEOUT;

/// Which server is asked, and how.
#[derive(Args, Debug)]
#[command(next_help_heading = "Server")]
pub(super) struct Connection {
    /// The server
    #[arg(long, env = "FAS_URL", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub url: BaseUrl,

    /// File with the token, which wins over FAS_TOKEN
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// Certificates of the authorities that may vouch for the server, PEM [default: Mozilla's]
    #[arg(long, alias = "ca-file", env = "FAS_CA", value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Certificate to show to the server, with its chain, PEM
    #[arg(long, env = "FAS_CERT", value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,

    /// The certificate's private key, PEM
    #[arg(long, env = "FAS_KEY", value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,

    /// How long to wait for an answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

impl Connection {
    /// How long to wait for an answer.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }

    /// An agent that takes every status as an answer, and follows no redirect: the token is for
    /// this server alone.
    pub fn agent(&self) -> Result<Agent, CliError> {
        // A proxy could not reach this machine for us; elsewhere, the environment rules.
        let proxy = if self.url.is_loopback { None } else { Proxy::try_from_env() };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("fas/", env!("CARGO_PKG_VERSION")))
            .proxy(proxy)
            .timeout_connect(Some(CLIENT_CONNECT_TIMEOUT))
            .tls_config(self.tls()?)
            .build();
        Ok(config.into())
    }

    fn tls(&self) -> Result<TlsConfig, CliError> {
        let mut tls = TlsConfig::builder();
        if let Some(path) = &self.ca {
            tls = tls.root_certs(RootCerts::new_with_certs(&certificates(path)?));
        }
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            let client = ClientCert::new_with_certs(&certificates(cert)?, private_key(key)?);
            tls = tls.client_cert(Some(client));
        }
        Ok(tls.build())
    }
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, CliError> {
    let items = items(path)?.into_iter();
    let certificates: Vec<_> = items
        .filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(unusable(path, "it has no certificate"));
    }
    Ok(certificates)
}

fn private_key(path: &Path) -> Result<PrivateKey<'static>, CliError> {
    let key = items(path)?.into_iter().find_map(|item| match item {
        PemItem::PrivateKey(key) => Some(key),
        _ => None,
    });
    key.ok_or_else(|| unusable(path, "it has no private key"))
}

fn items(path: &Path) -> Result<Vec<PemItem<'static>>, CliError> {
    let pem = std::fs::read(path).map_err(|error| unusable(path, error))?;
    parse_pem(&pem).map(|item| item.map_err(|error| unusable(path, error))).collect()
}

fn unusable(path: &Path, reason: impl std::fmt::Display) -> CliError {
    CliError::Usage(format!("cannot use {}: {reason}", path.display()))
}
