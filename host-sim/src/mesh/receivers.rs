//! The servers that the plugins push to, and how they are reached. Several of them stand for one, as
//! behind a load balancer: each call goes to the next.

use std::{
    cell::Cell,
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::Uri;
use tokio::{net::TcpStream, runtime::Runtime};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};

use super::{
    connection::{Attempt, Connection, Stream},
    settings::MeshSettings,
};
use crate::{
    CallRequest, CallResponse,
    limits::{MESH_RESEND_WAIT_MS, UPSTREAM_WAIT_S},
};

/// Why receivers cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiverError {
    /// There is none.
    #[error("receivers: there is none")]
    None,
    /// Not the address of a server.
    #[error("receivers: {0:?} is not of the form http://host:port or https://host:port")]
    Url(String),
    /// An https address, and nothing says whom to trust.
    #[error("receivers: {0:?} needs the certificates of its authority")]
    Authority(String),
    /// Certificates or keys that cannot be used.
    #[error("{0} cannot be used: {1}")]
    Tls(&'static str, String),
}

/// One of the servers.
pub(super) struct Receiver {
    host: String,
    port: u16,
    /// What comes before each path, without a slash at its end.
    prefix: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// All of them.
pub(super) struct Receivers {
    list: Vec<Receiver>,
    timeout: Duration,
    /// How long what the receiver must have, or must say, is asked for again.
    patience: Duration,
    next: Cell<usize>,
}

/// A way to each server, of which one is used at a time.
pub(super) struct Lines<'a> {
    receivers: &'a Receivers,
    timeout: Duration,
    connections: Vec<Connection>,
}

impl Receivers {
    pub(super) fn new(settings: &MeshSettings) -> Result<Self, ReceiverError> {
        let tls = settings.tls.as_ref().map(|tls| tls.client().map(Arc::new)).transpose()?;
        let list = settings.receivers.iter().map(|url| Receiver::parse(url, tls.as_ref()));
        let list: Vec<Receiver> = list.collect::<Result<_, _>>()?;
        if list.is_empty() {
            return Err(ReceiverError::None);
        }
        let (timeout, patience) = (settings.push_timeout, settings.patience);
        Ok(Self { list, timeout, patience, next: Cell::new(0) })
    }

    /// Ways for pushes.
    pub(super) fn lines(&self) -> Lines<'_> {
        self.lines_within(self.timeout)
    }

    fn lines_within(&self, timeout: Duration) -> Lines<'_> {
        let connections = self.list.iter().map(|_| Connection::default()).collect();
        Lines { receivers: self, timeout, connections }
    }

    /// How long to try again what must get through in the end.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// Reads a path: gives the body of a 200. While nobody answers, or with a 429 or 5xx only, the
    /// next server is asked, for as long as `patience`.
    pub(super) fn get(
        &self,
        runtime: &Runtime,
        (path, headers): (&str, &[(&str, &str)]),
        patience: Duration,
    ) -> Result<Vec<u8>, String> {
        let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        let own = [(":method", "GET"), (":path", path)];
        let headers = own.iter().chain(headers).map(|(name, value)| pair(name, value)).collect();
        let request = CallRequest { headers, ..CallRequest::default() };
        let until = Instant::now() + patience;
        let timeout = Duration::from_secs(UPSTREAM_WAIT_S);
        let set = tokio::task::LocalSet::new();
        loop {
            let attempt = set.block_on(runtime, self.lines_within(timeout).send(&request));
            let error = match &attempt {
                Attempt::Answered(answer) if answer.status() == Some(200) => {
                    return Ok(answer.body.clone());
                }
                Attempt::Answered(answer) => {
                    let status = answer.status().unwrap_or_default();
                    format!("{path}: {status}: {}", String::from_utf8_lossy(&answer.body))
                }
                Attempt::TimedOut => format!("{path}: no answer within {timeout:?}"),
                Attempt::Lost(error) | Attempt::NotSent(error) => format!("{path}: {error}"),
            };
            if attempt.is_settled() || Instant::now() >= until {
                return Err(error);
            }
            std::thread::sleep(Duration::from_millis(MESH_RESEND_WAIT_MS));
        }
    }

    fn turn(&self) -> usize {
        let turn = self.next.get();
        self.next.set((turn + 1) % self.list.len());
        turn
    }
}

impl Lines<'_> {
    /// Sends a request to the server whose turn it is.
    pub(super) async fn send(&mut self, request: &CallRequest) -> Attempt {
        let turn = self.receivers.turn();
        let both = self.receivers.list.get(turn).zip(self.connections.get_mut(turn));
        let Some((receiver, connection)) = both else {
            return Attempt::NotSent("there is no such receiver".to_owned());
        };
        let sent = connection.send(receiver, request);
        let attempt = tokio::time::timeout(self.timeout, sent).await;
        let attempt = attempt.unwrap_or(Attempt::TimedOut);
        if !matches!(attempt, Attempt::Answered(_)) {
            // Whatever comes on it now would be taken for the answer to the next.
            *connection = Connection::default();
        }
        attempt
    }
}

impl Attempt {
    /// What the guest is told; none if nobody took the connection.
    pub(super) fn seen(self) -> Option<CallResponse> {
        match self {
            Self::Answered(answer) => Some(answer),
            Self::TimedOut => Some(CallResponse::timeout()),
            // It may have arrived; without headers in answer, Envoy says so.
            Self::Lost(_) => Some(CallResponse::refused()),
            Self::NotSent(_) => None,
        }
    }

    /// Whether to send it again would change nothing.
    pub(super) fn is_settled(&self) -> bool {
        let Self::Answered(answer) = self else { return false };
        answer.status().is_some_and(|status| status < 500 && status != 429)
    }
}

impl Receiver {
    fn parse(url: &str, tls: Option<&Arc<ClientConfig>>) -> Result<Self, ReceiverError> {
        let bad = || ReceiverError::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| bad())?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(bad)?;
        // An IPv6 address stands in brackets in a URL, and nowhere else.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let (default, tls) = match uri.scheme_str() {
            Some("http") => (80, None),
            Some("https") => {
                let client = tls.ok_or_else(|| ReceiverError::Authority(url.to_owned()))?;
                let name = ServerName::try_from(host.clone()).map_err(|_| bad())?;
                (443, Some((TlsConnector::from(Arc::clone(client)), name)))
            }
            _ => return Err(bad()),
        };
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { host, port: uri.port_u16().unwrap_or(default), prefix, tls })
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) async fn connect(&self) -> std::io::Result<Stream> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        Ok(match &self.tls {
            None => Stream::Plain(stream),
            Some((connector, name)) => {
                Stream::Tls(Box::new(connector.connect(name.clone(), stream).await?))
            }
        })
    }
}
