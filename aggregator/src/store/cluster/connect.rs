//! `Connector`: opens connections to nodes. A connection never comes back by itself: what was
//! sent on it and waits for copies must not be taken for what another connection has sent.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Pipeline, RedisConnectionInfo, RedisError, Value};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_pki_types::pem::PemObject;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::target::Target;
use crate::limits::STORE_CONNECT_TIMEOUT;

/// Why there is no connection to a node.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("it does not answer within {} s", STORE_CONNECT_TIMEOUT.as_secs())]
    Timeout,
    #[error("{0}")]
    Network(#[from] std::io::Error),
    #[error("{0}")]
    Refused(#[from] RedisError),
    #[error("{0} is no name that a certificate can have")]
    Name(String),
}

/// What it takes to connect to the nodes of a cluster.
pub(super) struct Connector {
    settings: RedisConnectionInfo,
    tls: Option<TlsConnector>,
}

impl Connector {
    /// For the nodes of a target, whose certificates, if it has any, are signed by one of these
    /// authorities, or by one of the usual ones.
    pub fn new(target: &Target, authorities: Option<&Path>) -> Result<Self, String> {
        let mut settings = RedisConnectionInfo::default();
        if let Some(user) = &target.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &target.password {
            settings = settings.set_password(password);
        }
        let tls = target.tls.then(|| tls(authorities)).transpose()?;
        Ok(Self { settings, tls })
    }

    /// A connection to `HOST:PORT`.
    pub async fn connect(&self, address: &str) -> Result<Connection, ConnectError> {
        let opened = timeout(STORE_CONNECT_TIMEOUT, self.open(address)).await;
        opened.map_err(|_| ConnectError::Timeout)?
    }

    async fn open(&self, address: &str) -> Result<Connection, ConnectError> {
        let stream = self.open_stream(address).await?;
        // The caller has its own bound for every request.
        let config =
            AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
        let made = MultiplexedConnection::new_with_config(&self.settings, stream, config);
        let (redis, driver) = made.await?;
        Ok(Connection::new(redis, tokio::spawn(driver).abort_handle()))
    }

    /// The bare stream of bytes to `HOST:PORT`, on which [`hello`](Self::hello) comes first.
    pub async fn stream(&self, address: &str) -> Result<Box<dyn Stream>, ConnectError> {
        let opened = timeout(STORE_CONNECT_TIMEOUT, self.open_stream(address)).await;
        opened.map_err(|_| ConnectError::Timeout)?
    }

    /// What a client says first, so that it may say more.
    pub fn hello(&self) -> Vec<u8> {
        let Some(password) = self.settings.password() else { return Vec::new() };
        let mut command = redis::cmd("AUTH");
        if let Some(user) = self.settings.username() {
            command.arg(user);
        }
        command.arg(password).get_packed_command()
    }

    async fn open_stream(&self, address: &str) -> Result<Box<dyn Stream>, ConnectError> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|_| ConnectError::Name(host.to_owned()))?;
        Ok(Box::new(tls.connect(name, stream).await?))
    }
}

/// A connection to one process of a node. It is closed with its last copy, also when answers are
/// still to come.
#[derive(Clone)]
pub(super) struct Connection {
    redis: MultiplexedConnection,
    /// Tells it from all others, so that it can be told whether two answers are of one process.
    pub number: u64,
    _driver: Arc<Driver>,
}

struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Connection {
    fn new(redis: MultiplexedConnection, driver: AbortHandle) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { redis, number, _driver: Arc::new(Driver(driver)) }
    }

    /// The answers to some commands, among which errors may be.
    pub async fn send(&mut self, commands: &Pipeline) -> Result<Vec<Value>, RedisError> {
        self.redis.send_packed_commands(commands, 0, commands.len()).await
    }
}

/// A connection, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

fn tls(authorities: Option<&Path>) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(path) => {
            let unreadable = |error: &dyn std::fmt::Display| {
                format!("the certificate authorities in {} cannot be read: {error}", path.display())
            };
            let certificates = CertificateDer::pem_file_iter(path);
            for certificate in certificates.map_err(|error| unreadable(&error))? {
                let certificate = certificate.map_err(|error| unreadable(&error))?;
                roots.add(certificate).map_err(|error| unreadable(&error))?;
            }
            if roots.is_empty() {
                return Err(unreadable(&"there is none in it"));
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ));
    let config = config.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
