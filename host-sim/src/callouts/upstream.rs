//! Real HTTP: a call of the guest to a real server, and the reads with which a scenario checks
//! one. Blocks; virtual time stands still meanwhile.

use std::time::Duration;

use ureq::{Agent, Body, http};

use super::{CallRequest, reply::CallResponse};
use crate::limits::{MAX_CALL_RESPONSE_BYTES, UPSTREAM_WAIT_S};

/// Headers that belong to a connection or that the client sets itself.
pub(crate) const OWN_HEADERS: [&str; 4] =
    ["host", "connection", "content-length", "transfer-encoding"];

/// Why a server could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// The request cannot be written as HTTP.
    #[error("not a valid HTTP request: {0}")]
    Request(#[from] http::Error),
    /// The server did not answer, or not in HTTP.
    #[error("{0}")]
    Transport(#[from] ureq::Error),
}

/// Sends the guest's request. What goes wrong becomes what Envoy would make of it; none means
/// that nobody took the connection.
#[must_use]
pub fn send(base_url: &str, request: &CallRequest) -> Option<CallResponse> {
    let attempt = to_http(base_url, request).map_err(UpstreamError::from);
    let attempt = attempt.and_then(|request| run(&agent(), request));
    Some(match attempt {
        Ok(response) => read(response).unwrap_or_else(|_| CallResponse::reset()),
        Err(UpstreamError::Transport(ureq::Error::Timeout(_))) => CallResponse::timeout(),
        Err(UpstreamError::Transport(ureq::Error::Io(error)))
            if error.kind() == std::io::ErrorKind::ConnectionRefused =>
        {
            return None;
        }
        // It may have arrived; without headers in answer, Envoy says the same as above.
        Err(_) => CallResponse::refused(),
    })
}

/// Reads `path`; gives the status and the body.
pub fn get(
    base_url: &str,
    path: &str,
    headers: &[(String, String)],
) -> Result<(u16, Vec<u8>), UpstreamError> {
    let mut request = http::Request::get(join(base_url, path));
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let mut response = run(&agent(), request.body(Vec::new())?)?;
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(MAX_CALL_RESPONSE_BYTES).read_to_vec()?;
    Ok((status, body))
}

fn to_http(base_url: &str, request: &CallRequest) -> http::Result<http::Request<Vec<u8>>> {
    let method = request.header(":method").unwrap_or_default();
    let path = request.header(":path").unwrap_or_default();
    let mut out = http::Request::builder().method(method.as_str()).uri(join(base_url, &path));
    if let Some(authority) = request.header(":authority") {
        out = out.header("host", authority);
    }
    for (name, value) in &request.headers {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        if !name.starts_with(':') && !OWN_HEADERS.contains(&name.as_str()) {
            out = out.header(name, value.as_slice());
        }
    }
    out.body(request.body.clone())
}

fn agent() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        // A proxy in the environment is not for the servers of a test.
        .proxy(None)
        .max_redirects(0)
        .timeout_global(Some(Duration::from_secs(UPSTREAM_WAIT_S)))
        .build();
    Agent::new_with_config(config)
}

fn run(
    agent: &Agent,
    request: http::Request<Vec<u8>>,
) -> Result<http::Response<Body>, UpstreamError> {
    // A GET must not carry a body, not even an empty one.
    Ok(match request.body().is_empty() && request.method() != http::Method::POST {
        true => agent.run(request.map(|_| ()))?,
        false => agent.run(request)?,
    })
}

fn read(mut response: http::Response<Body>) -> Result<CallResponse, ureq::Error> {
    let status = response.status().as_u16();
    let mut out = CallResponse::new(status, &[], b"");
    for (name, value) in response.headers() {
        out.headers.push((name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec()));
    }
    out.body = response.body_mut().with_config().limit(MAX_CALL_RESPONSE_BYTES).read_to_vec()?;
    Ok(out)
}

fn join(base_url: &str, path: &str) -> String {
    format!("{}/{}", base_url.trim_end_matches('/'), path.trim_start_matches('/'))
}
