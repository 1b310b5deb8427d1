//! Takes the steps of a scenario, one at a time, by calls to the host.

use std::collections::BTreeMap;

use super::Runner;
use crate::{
    host::{HostError, traffic::StreamId},
    limits::MAX_CHUNK_BYTES,
    pairs::Pair,
    properties::Properties,
    scenario::step::{Data, Http, Message, Open, Step},
    stream::Direction,
    timestamp::Timestamp,
};

/// Why a step cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The host refuses.
    #[error(transparent)]
    Host(#[from] HostError),
    /// No stream has this name.
    #[error("there is no open stream `{0}`")]
    NoStream(String),
    /// A stream has this name already.
    #[error("stream `{0}` is open already")]
    StreamExists(String),
    /// No properties have this name.
    #[error("`streams` has no `{0}`")]
    NoTemplate(String),
    /// A chunk is too large.
    #[error("a chunk of {0} bytes is larger than {MAX_CHUNK_BYTES}")]
    Chunk(u64),
    /// The cluster has no real server.
    #[error("cluster `{0}` has no real server to ask")]
    NoServer(String),
}

impl Runner<'_> {
    pub(super) fn step(&mut self, step: &Step) -> Result<(), StepError> {
        match step {
            Step::Advance(span) => self.host.advance(span.0)?,
            Step::Open(open) => self.open(open)?,
            Step::Downstream(data) => self.send(Direction::FromDownstream, data)?,
            Step::Upstream(data) => self.send(Direction::FromUpstream, data)?,
            Step::Close(close) => {
                let id = self.stream(&close.stream)?;
                self.streams.remove(&close.stream);
                self.host.close_tcp(id, close.by)?;
            }
            Step::SetProperties(set) => {
                let id = self.stream(&set.stream)?;
                self.host.set_properties(id, set.properties.clone())?;
            }
            Step::Http(http) => self.http(http)?,
            Step::Fault(faults) => {
                let next = faults.next.iter().cloned();
                self.host.change_cluster(&faults.cluster, |cluster| cluster.script(next))?;
            }
            Step::Away(away) => {
                let until_ns = self.host.now().0.saturating_add(away.duration.0);
                self.host.change_cluster(&away.cluster, |cluster| cluster.away_until(until_ns))?;
                let until = Timestamp(until_ns);
                self.host.note(format!("cluster {} is away until {until}", away.cluster));
            }
            Step::Note(text) => self.host.note(text),
            Step::Drain => drop(self.host.drain()?),
            Step::Terminate => self.host.terminate(),
            // Taken by `steps`, which knows where they stand.
            Step::Repeat(_) | Step::Expect(_) => {}
        }
        Ok(())
    }

    fn stream(&self, name: &str) -> Result<StreamId, StepError> {
        self.streams.get(name).copied().ok_or_else(|| StepError::NoStream(name.to_owned()))
    }

    fn properties(&self, with: Option<&String>, own: &Properties) -> Result<Properties, StepError> {
        let mut properties = match with {
            None => Properties::new(),
            Some(name) => {
                let named = self.scenario.streams.get(name);
                named.cloned().ok_or_else(|| StepError::NoTemplate(name.clone()))?
            }
        };
        properties.merge(own.clone());
        Ok(properties)
    }

    fn open(&mut self, open: &Open) -> Result<(), StepError> {
        if self.streams.contains_key(&open.stream) {
            return Err(StepError::StreamExists(open.stream.clone()));
        }
        let properties = self.properties(open.with.as_ref(), &open.properties)?;
        let id = self.host.open_tcp(open.worker, properties)?;
        self.streams.insert(open.stream.clone(), id);
        Ok(())
    }

    fn send(&mut self, direction: Direction, data: &Data) -> Result<(), StepError> {
        let id = self.stream(&data.stream)?;
        let bytes = match &data.text {
            Some(text) => text.clone().into_bytes(),
            None => zeroes(data.bytes)?,
        };
        Ok(self.host.send(id, direction, bytes, data.end)?)
    }

    fn http(&mut self, http: &Http) -> Result<(), StepError> {
        let properties = self.properties(http.with.as_ref(), &http.properties)?;
        let method = if http.request.body.is_empty() { "GET" } else { "POST" };
        let usual =
            [(":authority", "localhost"), (":method", method), (":path", "/"), (":scheme", "http")];
        let request = headers(&usual, &http.request);
        let id =
            self.host.open_http(http.worker, properties, request, http.request.body.is_empty())?;
        self.body(id, Direction::FromDownstream, &http.request)?;
        self.host.advance(http.takes.0)?;
        let response = headers(&[(":status", "200")], &http.response);
        self.host.response_headers(id, response, http.response.body.is_empty())?;
        self.body(id, Direction::FromUpstream, &http.response)?;
        Ok(self.host.finish_http(id)?)
    }

    fn body(
        &mut self,
        id: StreamId,
        direction: Direction,
        message: &Message,
    ) -> Result<(), StepError> {
        for (index, size) in message.body.iter().enumerate() {
            let end = index + 1 == message.body.len();
            self.host.send(id, direction, zeroes(*size)?, end)?;
        }
        Ok(())
    }
}

/// The headers of a message, laid over the usual ones; pseudo-headers come first.
fn headers(usual: &[(&str, &str)], message: &Message) -> Vec<Pair> {
    let usual = usual.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let given = message.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone()));
    let merged: BTreeMap<String, String> = usual.chain(given).collect();
    merged.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bytes())).collect()
}

fn zeroes(size: u64) -> Result<Vec<u8>, StepError> {
    let small = usize::try_from(size).ok().filter(|_| size <= MAX_CHUNK_BYTES);
    Ok(vec![0; small.ok_or(StepError::Chunk(size))?])
}
