//! Access loggers: what has ended, and only that, is shown to the root's `on_log`, without
//! any callback of a stream (Envoy, `envoy.access_loggers.wasm`).

use super::{Callback, Host, HostError, http, traffic::Place};
use crate::{
    pairs::Pair,
    properties::{
        Properties,
        availability::{Phase, StreamKind},
    },
    stream::Stream,
};

/// What an access logger shows of a connection or a request.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct LogEntry {
    /// The properties, such as `xds.cluster_name` and `request.total_size`. What follows from the
    /// headers need not be given.
    pub properties: Properties,
    /// The headers of the request; none for a connection.
    pub request_headers: Option<Vec<Pair>>,
    /// The headers of the response, if there was one.
    pub response_headers: Option<Vec<Pair>>,
    /// The trailers of the response, if there were any.
    pub response_trailers: Option<Vec<Pair>>,
}

impl LogEntry {
    /// An entry with these properties and without headers, as for a connection.
    #[must_use]
    pub fn new(properties: Properties) -> Self {
        Self { properties, ..Self::default() }
    }

    /// With the headers of the request.
    #[must_use]
    pub fn with_request_headers(mut self, headers: Vec<Pair>) -> Self {
        self.request_headers = Some(headers);
        self
    }

    /// With the headers of the response.
    #[must_use]
    pub fn with_response_headers(mut self, headers: Vec<Pair>) -> Self {
        self.response_headers = Some(headers);
        self
    }

    /// With the trailers of the response.
    #[must_use]
    pub fn with_response_trailers(mut self, trailers: Vec<Pair>) -> Self {
        self.response_trailers = Some(trailers);
        self
    }

    fn into_stream(self, root: u32) -> Stream {
        let kind = match self.request_headers {
            Some(_) => StreamKind::Http,
            None => StreamKind::Tcp,
        };
        let mut stream = Stream::new(kind, root, 0, self.properties);
        stream.phase = Phase::Live;
        stream.logging = true;
        stream.response_code = self.response_headers.as_deref().and_then(http::code);
        stream.request.headers = self.request_headers;
        stream.response.headers = self.response_headers;
        stream.response.trailers = self.response_trailers;
        stream
    }
}

impl Host {
    /// The access logger of a worker writes an entry: `on_log` on the root, which can read the
    /// entry in that callback only. A plugin that has failed writes nothing, as in Envoy; under
    /// `fail_reload` the entry starts a new VM as a stream would.
    pub fn access_log(
        &mut self,
        place: impl Into<Place>,
        entry: LogEntry,
    ) -> Result<(), HostError> {
        let place = place.into();
        let root = self.root_of(place.plugin)?;
        let thread = self.index_of(place.worker);
        self.reload_if_due(thread);
        let worker = self.threads.get_mut(thread).ok_or(HostError::NoWorker(place.worker))?;
        if let Some(vm) = worker.live() {
            vm.state().log_entry = Some(Box::new(entry.into_stream(root)));
            let _recorded = vm.call(Callback::Log, root, &[root]);
            vm.state().log_entry = None;
            self.settle(thread);
        }
        self.run_due()
    }
}
