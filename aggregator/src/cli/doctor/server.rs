//! `Server`: what is asked of the server, and how its answers are read. Nothing is judged here.

use std::time::Instant;

use flow_model::flow::HOUR_MS;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::http::header;

use super::census::{Census, Row};
use super::completeness::{Hour, LastHours};
use super::figures::Figures;
use crate::cli::client::{Answer, Client};
use crate::cli::error::CliError;
use crate::cli::output::Format;
use crate::cli::pages::{Listing, Pages};
use crate::cli::query::Query;
use crate::cli::url::BaseUrl;
use crate::clock::now_ms;
use crate::limits::PAGE_ROWS;

const JSON: &str = "application/json";

/// A server that is examined.
pub(super) struct Server {
    client: Client,
    /// Where it is.
    pub url: BaseUrl,
}

/// The first answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contact {
    /// How long it took.
    pub took_ms: u128,
    /// The clock here, half-way.
    pub here_ms: u64,
    /// The server's clock then, half a second more or less. Without it, the clock here.
    pub server_ms: u64,
    /// Whether the server said what time it is.
    pub has_date: bool,
}

/// Who the server says it is.
#[derive(Debug, Deserialize)]
pub(super) struct Description {
    pub info: Info,
}

/// The part of the interface's description that tells who.
#[derive(Debug, Deserialize)]
pub(super) struct Info {
    pub title: String,
    pub version: String,
}

/// What one gets in for.
#[derive(Debug)]
pub(super) struct Admission {
    /// Whether a token was shown.
    pub has_token: bool,
    /// Whether the server is on this machine.
    pub is_loopback: bool,
    /// Whether it is plain HTTP.
    pub is_plain: bool,
    /// A read, without a token.
    pub anonymous: Result<(), CliError>,
    /// A read.
    pub read: Result<(), CliError>,
    /// A read of what is not of one VPC.
    pub unlimited: Result<(), CliError>,
    /// A write.
    pub write: Result<(), CliError>,
}

#[derive(Deserialize)]
struct Hours {
    hours: Vec<Hour>,
}

impl Server {
    /// A server at an address.
    pub fn new(client: Client, url: BaseUrl) -> Self {
        Self { client, url }
    }

    /// Asks whether anybody is there, and what time it is there.
    pub fn contact(&self) -> Result<Contact, CliError> {
        let start = Instant::now();
        let before_ms = now_ms();
        let answer = self.client.ask("/healthz", &Query::default(), "*/*")?;
        let took_ms = start.elapsed().as_millis();
        let here_ms = before_ms + u64::try_from(took_ms / 2).unwrap_or(0);
        let date = answer.headers.get(header::DATE).and_then(|value| value.to_str().ok());
        let server_ms = date.and_then(super::clock::of_date);
        Ok(Contact {
            took_ms,
            here_ms,
            server_ms: server_ms.unwrap_or(here_ms),
            has_date: server_ms.is_some(),
        })
    }

    /// Who it says it is.
    pub fn description(&self) -> Result<Description, CliError> {
        self.read("/openapi.json", &Query::default())
    }

    /// Whether it takes writes and reads.
    pub fn readiness(&self) -> Result<(), CliError> {
        self.client.ask("/readyz", &Query::default(), "*/*").map(drop)
    }

    /// What the token is good for.
    ///
    /// # Errors
    /// When a read fails for another reason than who asks.
    pub fn admission(&self) -> Result<Admission, CliError> {
        // An hour that nobody has: little work for the server.
        let little = Query::default().with("hour", 0).with("limit", 1);
        let read = |client: &Client| about_access(client.ask("/v1/flows", &little, JSON));
        let one = Query::default().with("limit", 1);
        let headers = [(header::CONTENT_TYPE.as_str(), JSON)];
        Ok(Admission {
            has_token: self.client.has_token(),
            is_loopback: self.url.is_loopback,
            is_plain: self.url.as_str().starts_with("http:"),
            anonymous: read(&self.client.anonymous())?,
            read: read(&self.client)?,
            unlimited: about_access(self.client.ask("/v1/instances", &one, JSON))?,
            write: taken_for_empty(self.client.post("/flows", &headers, b"[]")),
        })
    }

    /// Who reports, counted; it is `now_ms` there, and what was so many hours ago is old.
    pub fn census(&self, now_ms: u64, hours: u32) -> Result<Census, CliError> {
        let mut census = Census::new(now_ms, u64::from(hours) * HOUR_MS);
        let (path, query) = ("/v1/instances", Query::default());
        let listing =
            Listing { client: &self.client, path, query, format: Format::Ndjson, is_paged: true };
        let mut pages = Pages::new(listing, PAGE_ROWS, None);
        while let Some(page) = pages.next()? {
            for row in serde_json::Deserializer::from_slice(&page).into_iter::<Row>() {
                census.add(&row.map_err(unexpected)?);
            }
        }
        Ok(census)
    }

    /// The last hours that have flows, with what keeps them from being complete.
    pub fn last_hours(&self, now_ms: u64, count: u32) -> Result<LastHours, CliError> {
        let now = now_ms / HOUR_MS;
        let first = now.saturating_sub(count.into());
        let query = Query::default().with("from", first).with("to", now + 1);
        let found = self.read::<Hours>("/v1/hours", &query)?.hours;
        let mut last = LastHours::new(count, now);
        for hour in found {
            let report = match hour.complete {
                Some(false) => {
                    let query = Query::default().with("hour", hour.hour).with("limit", 1);
                    Some(self.read("/v1/completeness", &query)?)
                }
                _ => None,
            };
            last.add(&hour, report);
        }
        Ok(last)
    }

    /// What the server counts.
    pub fn figures(&self) -> Result<Figures, CliError> {
        let answer = self.client.get("/metrics", &Query::default(), "text/plain")?;
        let hours = self.read::<Hours>("/v1/hours", &Query::default())?.hours;
        let text = String::from_utf8_lossy(&answer.body);
        Ok(Figures::new(&text, hours.iter().map(|hour| hour.hour).collect()))
    }

    fn read<T: DeserializeOwned>(&self, path: &str, query: &Query) -> Result<T, CliError> {
        let answer = self.client.get(path, query, JSON)?;
        serde_json::from_slice(&answer.body).map_err(unexpected)
    }
}

/// Whether one is let in; what fails for another reason is an error.
fn about_access(outcome: Result<Answer, CliError>) -> Result<Result<(), CliError>, CliError> {
    match outcome {
        Err(error) if !error.is_about_access() => Err(error),
        outcome => Ok(outcome.map(drop)),
    }
}

/// A write of nothing, which changes nothing, is refused for being empty only by who would take another.
fn taken_for_empty(outcome: Result<Answer, CliError>) -> Result<(), CliError> {
    match outcome {
        Err(CliError::Refused(refusal)) if refusal.status == 400 => Ok(()),
        outcome => outcome.map(drop),
    }
}

fn unexpected(error: serde_json::Error) -> CliError {
    CliError::Unexpected(error.to_string())
}
