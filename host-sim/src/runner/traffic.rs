//! The steps that are traffic: connections, and requests as a whole or piece by piece.

use std::collections::BTreeMap;

use super::{Runner, StepError};
use crate::{
    host::{
        access_log::LogEntry,
        traffic::{Place, StreamId},
    },
    limits::MAX_CHUNK_BYTES,
    pairs::Pair,
    properties::availability::StreamKind,
    scenario::{
        chunk::Chunk,
        step::{AccessLog, Close, Data, Http, Message, Open, Request, Response, Trailers},
    },
    stream::Direction,
};

/// A stream that is open between steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenStream {
    pub(super) id: StreamId,
    pub(super) kind: StreamKind,
}

impl Runner<'_> {
    pub(super) fn open(&mut self, open: &Open) -> Result<(), StepError> {
        self.check_name(&open.stream)?;
        let properties = self.properties(open.with.as_ref(), &open.properties)?;
        let id =
            self.host.open_tcp(Place { worker: open.worker, plugin: open.plugin }, properties)?;
        self.streams.insert(open.stream.clone(), OpenStream { id, kind: StreamKind::Tcp });
        Ok(())
    }

    pub(super) fn request(&mut self, request: &Request) -> Result<(), StepError> {
        self.check_name(&request.stream)?;
        let properties = self.properties(request.with.as_ref(), &request.properties)?;
        let headers = request_headers(&request.headers, request.end);
        let place = Place { worker: request.worker, plugin: request.plugin };
        let id = self.host.open_http(place, properties, headers, request.end)?;
        self.streams.insert(request.stream.clone(), OpenStream { id, kind: StreamKind::Http });
        Ok(())
    }

    fn check_name(&self, stream: &str) -> Result<(), StepError> {
        match self.streams.contains_key(stream) {
            true => Err(StepError::StreamExists(stream.to_owned())),
            false => Ok(()),
        }
    }

    pub(super) fn response(&mut self, response: &Response) -> Result<(), StepError> {
        let OpenStream { id, kind } = self.stream(&response.stream)?;
        if kind != StreamKind::Http {
            return Err(StepError::NotHttp(response.stream.clone()));
        }
        let headers = headers(&[(":status", "200")], &response.headers);
        Ok(self.host.response_headers(id, headers, response.end)?)
    }

    pub(super) fn trailers(
        &mut self,
        direction: Direction,
        trailers: &Trailers,
    ) -> Result<(), StepError> {
        let OpenStream { id, kind } = self.stream(&trailers.stream)?;
        if kind != StreamKind::Http {
            return Err(StepError::NotHttp(trailers.stream.clone()));
        }
        self.send_trailers(id, direction, &trailers.trailers)
    }

    fn send_trailers(
        &mut self,
        id: StreamId,
        direction: Direction,
        trailers: &BTreeMap<String, String>,
    ) -> Result<(), StepError> {
        let trailers = headers(&[], trailers);
        match direction {
            Direction::FromDownstream => self.host.request_trailers(id, trailers)?,
            Direction::FromUpstream => self.host.response_trailers(id, trailers)?,
        }
        Ok(())
    }

    pub(super) fn send(&mut self, direction: Direction, data: &Data) -> Result<(), StepError> {
        let OpenStream { id, .. } = self.stream(&data.stream)?;
        let bytes = content(data.text.as_ref(), data.bytes)?;
        Ok(self.host.send(id, direction, bytes, data.end)?)
    }

    pub(super) fn close(&mut self, close: &Close) -> Result<(), StepError> {
        let OpenStream { id, kind } = self.stream(&close.stream)?;
        self.remember(&close.stream, id)?;
        self.streams.remove(&close.stream);
        match kind {
            StreamKind::Tcp => self.host.close_tcp(id, close.by)?,
            StreamKind::Http => self.host.finish_http(id)?,
        }
        Ok(())
    }

    pub(super) fn http(&mut self, http: &Http) -> Result<(), StepError> {
        if let Some(name) = &http.stream {
            self.check_name(name)?;
        }
        let properties = self.properties(http.with.as_ref(), &http.properties)?;
        let has_no_body = http.request.is_only_headers();
        let request = request_headers(&http.request.headers, has_no_body);
        let place = Place { worker: http.worker, plugin: http.plugin };
        let id = self.host.open_http(place, properties, request, has_no_body)?;
        self.body(id, Direction::FromDownstream, &http.request)?;
        self.advance(http.takes.0)?;
        let response = headers(&[(":status", "200")], &http.response.headers);
        self.host.response_headers(id, response, http.response.is_only_headers())?;
        self.body(id, Direction::FromUpstream, &http.response)?;
        if let Some(name) = &http.stream {
            self.remember(name, id)?;
        }
        Ok(self.host.finish_http(id)?)
    }

    pub(super) fn access_log(&mut self, log: &AccessLog) -> Result<(), StepError> {
        let response = log.response_headers.as_ref();
        let entry = LogEntry {
            properties: self.properties(log.with.as_ref(), &log.properties)?,
            request_headers: log.request_headers.as_ref().map(|given| request_headers(given, true)),
            response_headers: response.map(|given| headers(&[(":status", "200")], given)),
            response_trailers: log.response_trailers.as_ref().map(|given| headers(&[], given)),
        };
        Ok(self.host.access_log(Place { worker: log.worker, plugin: log.plugin }, entry)?)
    }

    fn body(
        &mut self,
        id: StreamId,
        direction: Direction,
        message: &Message,
    ) -> Result<(), StepError> {
        for (index, Chunk { bytes, text, after_ns }) in message.body.iter().enumerate() {
            let end = index + 1 == message.body.len() && message.trailers.is_empty();
            self.advance(*after_ns)?;
            self.host.send(id, direction, content(text.as_ref(), *bytes)?, end)?;
        }
        if !message.trailers.is_empty() {
            self.send_trailers(id, direction, &message.trailers)?;
        }
        Ok(())
    }
}

fn request_headers(given: &BTreeMap<String, String>, has_no_body: bool) -> Vec<Pair> {
    let method = if has_no_body { "GET" } else { "POST" };
    let usual =
        [(":authority", "localhost"), (":method", method), (":path", "/"), (":scheme", "http")];
    headers(&usual, given)
}

/// The headers of a message, laid over the usual ones; pseudo-headers come first.
fn headers(usual: &[(&str, &str)], given: &BTreeMap<String, String>) -> Vec<Pair> {
    let usual = usual.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let given = given.iter().map(|(name, value)| (name.to_lowercase(), value.clone()));
    let merged: BTreeMap<String, String> = usual.chain(given).collect();
    merged.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bytes())).collect()
}

/// The text, or so many zeroes.
fn content(text: Option<&String>, bytes: u64) -> Result<Vec<u8>, StepError> {
    let size = text.map_or(bytes, |text| text.len() as u64);
    let small = usize::try_from(size).ok().filter(|_| size <= MAX_CHUNK_BYTES);
    let small = small.ok_or(StepError::Chunk(size))?;
    Ok(text.map_or_else(|| vec![0; small], |text| text.clone().into_bytes()))
}
