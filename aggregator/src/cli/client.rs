//! `Client`: requests to the server and what comes back. What is asked, and what is done with an
//! answer, is left to the commands.

use std::io::Read;
use std::thread;
use std::time::Duration;

use ureq::http::{HeaderMap, HeaderValue, Response, header};
use ureq::{Agent, Body, RequestBuilder};

use super::connection::Connection;
use super::error::CliError;
use super::query::Query;
use super::refusal::Refusal;
use super::retry::Backoff;
use super::url::BaseUrl;
use crate::limits::{MAX_ANSWER_BYTES, READ_ATTEMPTS, STREAM_SILENCE};

/// A server, and what it takes to ask it.
#[derive(Clone)]
pub(super) struct Client {
    agent: Agent,
    url: BaseUrl,
    authorization: Option<HeaderValue>,
    timeout: Duration,
}

/// An answer of 2xx, read whole.
pub(super) struct Answer {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Client {
    /// A client for a server.
    ///
    /// # Errors
    /// When the token, or a certificate or key, cannot be used.
    pub fn new(connection: &Connection) -> Result<Self, CliError> {
        Ok(Self {
            agent: connection.agent()?,
            url: connection.url.clone(),
            authorization: super::token::authorization(connection.token_file.as_deref())?,
            timeout: connection.timeout(),
        })
    }

    /// Reads something. A server that is busy is asked again a few times.
    pub fn get(&self, path: &str, query: &Query, accept: &str) -> Result<Answer, CliError> {
        let mut backoff = Backoff::default();
        loop {
            let error = match self.get_once(path, query, accept) {
                Err(error @ CliError::Refused(_)) if error.is_transient() => error,
                outcome => return outcome,
            };
            let pause = backoff.after_failure(error.retry_after());
            if backoff.failures() >= READ_ATTEMPTS {
                return Err(error);
            }
            thread::sleep(pause);
        }
    }

    /// Reads something, and asks once: for who wants to know how the server is now.
    pub fn ask(&self, path: &str, query: &Query, accept: &str) -> Result<Answer, CliError> {
        self.get_once(path, query, accept)
    }

    /// The same, but nobody: without the token.
    pub fn anonymous(&self) -> Self {
        Self { authorization: None, ..self.clone() }
    }

    /// Whether it shows a token.
    pub fn has_token(&self) -> bool {
        self.authorization.is_some()
    }

    fn get_once(&self, path: &str, query: &Query, accept: &str) -> Result<Answer, CliError> {
        let request = self.agent.get(self.url.at(path, &query.encode()));
        let request = request.config().timeout_global(Some(self.timeout)).build();
        self.read(self.authorized(request).header(header::ACCEPT, accept).call())
    }

    /// Sends a body once, with these headers besides its own.
    pub fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, CliError> {
        let request = self.agent.post(self.url.at(path, ""));
        let request = request.config().timeout_global(Some(self.timeout)).build();
        let mut request = self.authorized(request);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.read(request.send(body))
    }

    /// Opens a stream of events, from after an event on.
    pub fn stream(
        &self,
        path: &str,
        query: &Query,
        last_event_id: Option<&str>,
    ) -> Result<impl Read + use<>, CliError> {
        let request = self.agent.get(self.url.at(path, &query.encode()));
        let request = request
            .config()
            .timeout_recv_response(Some(self.timeout))
            .timeout_per_read(Some(STREAM_SILENCE))
            .build();
        let mut request = self.authorized(request).header(header::ACCEPT, "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.call().map_err(|error| self.unreachable(error))?;
        Ok(self.taken(response)?.into_body().into_with_config().limit(u64::MAX).reader())
    }

    fn authorized<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.authorization {
            Some(value) => request.header(header::AUTHORIZATION, value.clone()),
            None => request,
        }
    }

    fn read(&self, outcome: Result<Response<Body>, ureq::Error>) -> Result<Answer, CliError> {
        let response = outcome.map_err(|error| self.unreachable(error))?;
        let (head, body) = self.taken(response)?.into_parts();
        let body = body.into_with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
        let body = body.map_err(|error| self.unreachable(error))?;
        Ok(Answer { headers: head.headers, body })
    }

    /// The answer if it is one of 2xx.
    fn taken(&self, response: Response<Body>) -> Result<Response<Body>, CliError> {
        if response.status().is_success() {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let retry_after = head.headers.get(header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok());
        // The status says enough when the rest does not come.
        let body = body.into_with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
        Err(Refusal::new(head.status.as_u16(), &body.unwrap_or_default(), retry_after).into())
    }

    fn unreachable(&self, error: ureq::Error) -> CliError {
        let reason = match error {
            ureq::Error::Timeout(_) => "there is no answer in time".to_owned(),
            ureq::Error::Io(error) => error.to_string(),
            other => other.to_string(),
        };
        CliError::Unreachable(format!("{}: {reason}", self.url.as_str()))
    }
}
