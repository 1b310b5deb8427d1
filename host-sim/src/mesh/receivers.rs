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
        attempt.unwrap_or(Attempt::TimedOut)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{BufRead, BufReader, Write},
        net::TcpListener,
        thread,
    };

    const OK: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
    const BUSY: &str =
        "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 4\r\n\r\nbusy";
    const REFUSED: &str =
        "HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno";
    const CUT: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 9\r\n\r\nok";

    /// A server that gives these answers, each on a connection of its own, which it then closes; to an
    /// empty one it says nothing, and keeps the connection.
    fn server(answers: &'static [&'static str]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let mut kept = Vec::new();
            for answer in answers {
                let (mut client, _) = listener.accept().unwrap();
                let mut lines = BufReader::new(client.try_clone().unwrap()).lines();
                while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                client.write_all(answer.as_bytes()).unwrap();
                if answer.is_empty() {
                    kept.push(client);
                }
            }
            thread::park();
        });
        format!("http://127.0.0.1:{port}")
    }

    fn receivers(urls: &[&str]) -> Receivers {
        let list = urls.iter().map(|url| Receiver::parse(url, None).unwrap()).collect();
        let (timeout, patience) = (Duration::from_millis(100), Duration::ZERO);
        Receivers { list, timeout, patience, next: Cell::new(0) }
    }

    fn runtime() -> Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    /// What comes of so many requests, one after the other.
    fn sent(urls: &[&str], requests: usize) -> Vec<String> {
        let receivers = receivers(urls);
        let headers = vec![(b":path".to_vec(), b"/".to_vec())];
        let request = CallRequest { headers, ..CallRequest::default() };
        tokio::task::LocalSet::new().block_on(&runtime(), async {
            let mut lines = receivers.lines();
            let mut came = Vec::new();
            for _ in 0..requests {
                came.push(match lines.send(&request).await {
                    Attempt::Answered(answer) => format!("{}", answer.status().unwrap()),
                    Attempt::TimedOut => "timed out".to_owned(),
                    Attempt::Lost(_) => "lost".to_owned(),
                    Attempt::NotSent(_) => "not sent".to_owned(),
                });
            }
            came
        })
    }

    #[test]
    fn each_request_goes_to_the_next_receiver() {
        let (one, other) = (server(&[OK, OK]), server(&[BUSY, BUSY]));
        let nowhere = "http://127.0.0.1:1";
        let came = sent(&[&one, &other, nowhere], 6);
        assert_eq!(came, ["200", "503", "not sent", "200", "503", "not sent"]);
    }

    #[test]
    fn who_says_nothing_or_too_little_is_left_and_asked_anew() {
        assert_eq!(sent(&[&server(&["", OK])], 2), ["timed out", "200"]);
        assert_eq!(sent(&[&server(&[CUT, OK])], 2), ["lost", "200"]);
    }

    #[test]
    fn a_read_is_patient_with_who_is_away_or_busy_and_with_nobody_else() {
        let get = |urls: &[&str], seconds| {
            receivers(urls).get(&runtime(), ("/", &[]), Duration::from_secs(seconds))
        };
        let nowhere = "http://127.0.0.1:1";
        assert_eq!(get(&[&server(&[BUSY, BUSY, OK]), nowhere], 30), Ok(b"ok".to_vec()));
        assert_eq!(get(&[&server(&[BUSY, OK])], 0), Err("/: 503: busy".to_owned()));
        assert_eq!(get(&[&server(&[REFUSED, OK])], 30), Err("/: 403: no".to_owned()));
    }

    #[test]
    fn addresses_are_of_http_or_of_https_with_whom_to_trust() {
        let parse = |url: &str| Receiver::parse(url, None).map(|it| (it.host, it.port, it.prefix));
        assert_eq!(parse("http://a:8080/p/"), Ok(("a".into(), 8080, "/p".into())));
        assert_eq!(parse("http://[::1]"), Ok(("::1".into(), 80, String::new())));
        for url in ["a:8080", "ftp://a", "http://", ""] {
            assert_eq!(parse(url), Err(ReceiverError::Url(url.to_owned())), "{url}");
        }
        assert_eq!(parse("https://a"), Err(ReceiverError::Authority("https://a".to_owned())));
    }
}
