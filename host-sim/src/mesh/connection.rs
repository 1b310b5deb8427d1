//! One connection to one server, which is kept from call to call: HTTP/1.1, in plain or over TLS.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::{TrySendError, http1},
    header,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::AbortHandle,
};
use tokio_rustls::client::TlsStream;

use super::receivers::Receiver;
use crate::{
    CallRequest, CallResponse, callouts::upstream::OWN_HEADERS, limits::MAX_CALL_RESPONSE_BYTES,
};

/// What came of sending a request.
#[derive(Debug)]
pub(super) enum Attempt {
    /// A whole answer.
    Answered(CallResponse),
    /// No answer in time; it may have arrived.
    TimedOut,
    /// No whole answer, and the reason; it may have arrived.
    Lost(String),
    /// Nobody took it, and the reason.
    NotSent(String),
}

/// The bytes below HTTP.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection, once there is one.
#[derive(Default)]
pub(super) struct Connection(Option<Open>);

struct Open {
    requests: http1::SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    /// Sends a request and waits for its answer.
    pub(super) async fn send(&mut self, receiver: &Receiver, request: &CallRequest) -> Attempt {
        let mut request = match to_http(receiver.prefix(), request) {
            Ok(request) => request,
            Err(error) => return Attempt::NotSent(error.to_string()),
        };
        // A server may close a connection while nothing is under way.
        if let Some(open) = self.0.as_mut().filter(|open| open.requests.is_ready()) {
            match open.requests.try_send_request(request).await {
                Ok(response) => return read(response).await,
                Err(error) => match unsent(error) {
                    Ok(unsent) => request = unsent,
                    Err(lost) => return lost,
                },
            }
        }
        let open = match Open::to(receiver).await {
            Ok(open) => self.0.insert(open),
            Err(error) => return Attempt::NotSent(error.to_string()),
        };
        match open.requests.try_send_request(request).await {
            Ok(response) => read(response).await,
            Err(error) => Attempt::Lost(error.into_error().to_string()),
        }
    }
}

impl Open {
    async fn to(receiver: &Receiver) -> std::io::Result<Self> {
        match receiver.connect().await? {
            Stream::Plain(stream) => Self::over(stream).await,
            Stream::Tls(stream) => Self::over(stream).await,
        }
    }

    async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + 'static) -> std::io::Result<Self> {
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (requests, driver) = handshake.map_err(std::io::Error::other)?;
        // What ends a connection is seen by who waits for an answer on it.
        let driver = tokio::task::spawn_local(async { drop(driver.await) });
        Ok(Self { requests, driver: driver.abort_handle() })
    }
}

/// The request, if nothing of it has left.
fn unsent(mut error: TrySendError<Request<Full<Bytes>>>) -> Result<Request<Full<Bytes>>, Attempt> {
    let request = error.take_message();
    request.ok_or_else(|| Attempt::Lost(error.into_error().to_string()))
}

fn to_http(prefix: &str, request: &CallRequest) -> hyper::http::Result<Request<Full<Bytes>>> {
    let mut out = Request::builder();
    let mut path = b"/".as_slice();
    for (name, value) in &request.headers {
        match name.as_slice() {
            b":method" => out = out.method(value.as_slice()),
            b":path" => path = value,
            b":authority" => out = out.header(header::HOST, value.as_slice()),
            name if name.starts_with(b":") || is_own(name) => {}
            name => out = out.header(name, value.as_slice()),
        }
    }
    let uri = [prefix.as_bytes(), path].concat();
    out.uri(uri.as_slice()).body(Full::from(request.body.clone()))
}

fn is_own(name: &[u8]) -> bool {
    OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own.as_bytes()))
}

async fn read(response: Response<Incoming>) -> Attempt {
    let (head, body) = response.into_parts();
    let limit = usize::try_from(MAX_CALL_RESPONSE_BYTES).unwrap_or(usize::MAX);
    let mut out = CallResponse::new(head.status.as_u16(), &[], b"");
    for (name, value) in &head.headers {
        out.headers.push((name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec()));
    }
    match Limited::new(body, limit).collect().await {
        Ok(body) => {
            out.body = body.to_bytes().into();
            Attempt::Answered(out)
        }
        // Envoy drops what had arrived of it.
        Err(error) => Attempt::Lost(error.to_string()),
    }
}
