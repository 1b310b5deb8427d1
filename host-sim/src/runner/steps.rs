//! Takes the steps of a scenario, one at a time, by calls to the host. Traffic is in `traffic`.

use super::{Runner, traffic::OpenStream};
use crate::{
    host::HostError,
    limits::MAX_CHUNK_BYTES,
    properties::Properties,
    scenario::{
        configuration_text,
        step::{Away, Clock, NetworkChange, OnThread, Reload, Step},
    },
    stream::Direction,
    timeline::Thread,
    timestamp::Timestamp,
};

/// Why a step cannot be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
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
    /// A stream is not a request.
    #[error("stream `{0}` is a connection, and a request is wanted")]
    NotHttp(String),
    /// Nothing is known of a stream.
    #[error("there is no stream `{0}`, neither open nor ended")]
    NeverOpened(String),
    /// A golden file cannot be written.
    #[error("{}: {error}", path.display())]
    Golden {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The cluster has no real server.
    #[error("cluster `{0}` has no real server to ask")]
    NoServer(String),
}

impl Runner<'_> {
    pub(super) fn step(&mut self, step: &Step) -> Result<(), StepError> {
        match step {
            Step::Advance(span) => self.advance(span.0)?,
            Step::Open(open) => self.open(open)?,
            Step::Request(request) => self.request(request)?,
            Step::Response(response) => self.response(response)?,
            Step::RequestTrailers(trailers) => {
                self.trailers(Direction::FromDownstream, trailers)?;
            }
            Step::ResponseTrailers(trailers) => {
                self.trailers(Direction::FromUpstream, trailers)?;
            }
            Step::Downstream(data) => self.send(Direction::FromDownstream, data)?,
            Step::Upstream(data) => self.send(Direction::FromUpstream, data)?,
            Step::Close(close) => self.close(close)?,
            Step::SetProperties(set) => {
                let id = self.stream(&set.stream)?.id;
                self.host.set_properties(id, set.properties.clone())?;
            }
            Step::Http(http) => self.http(http)?,
            Step::AccessLog(log) => self.access_log(log)?,
            Step::Fault(faults) => {
                let next = faults.next.iter().cloned();
                self.host.change_cluster(&faults.cluster, |cluster| cluster.script(next))?;
            }
            Step::Away(away) => {
                let until_ns = self.until(away, "is away")?;
                self.host.change_cluster(&away.cluster, |cluster| cluster.away_until(until_ns))?;
            }
            Step::Partition(away) => {
                let until_ns = self.until(away, "is cut off")?;
                self.host.change_cluster(&away.cluster, |cluster| {
                    cluster.network().partitioned_until_ns = until_ns;
                })?;
            }
            Step::Network(change) => self.change_network(change)?,
            Step::Clock(clock) => self.set_clock(*clock),
            Step::Trap(OnThread::Main) => self.host.fail_plugin(Thread::Main)?,
            Step::Trap(OnThread::Worker(worker)) => {
                self.host.fail_plugin(Thread::Worker(*worker))?;
            }
            Step::Reload(reload) => self.reload(reload),
            Step::Note(text) => self.host.note(text),
            Step::Drain => drop(self.host.drain()?),
            Step::Terminate => self.host.terminate(),
            // Taken by `steps`, which knows where they stand.
            Step::Repeat(_) | Step::Expect(_) => {}
        }
        Ok(())
    }

    /// Lets time pass; roots that were replaced end when their drain time does.
    pub(super) fn advance(&mut self, duration_ns: u64) -> Result<(), StepError> {
        let until_ns = self.host.now().0.saturating_add(duration_ns);
        while let Some(due_ns) = self.host.next_drain_ns().filter(|due| *due <= until_ns) {
            self.host.advance(due_ns.saturating_sub(self.host.now().0))?;
            self.host.end_replaced()?;
        }
        Ok(self.host.advance(until_ns.saturating_sub(self.host.now().0))?)
    }

    /// Until when a cluster is not there, in nanoseconds since the epoch.
    fn until(&mut self, away: &Away, how: &str) -> Result<u64, StepError> {
        let until_ns = self.host.now().0.saturating_add(away.duration.0);
        self.host.change_cluster(&away.cluster, |_| ())?;
        let until = Timestamp(until_ns);
        self.host.note(format!("cluster {} {how} until {until}", away.cluster));
        Ok(until_ns)
    }

    fn change_network(&mut self, change: &NetworkChange) -> Result<(), StepError> {
        Ok(self.host.change_cluster(&change.cluster, |cluster| {
            let network = cluster.network();
            let set = |chance: &mut f64, new: Option<f64>| *chance = new.unwrap_or(*chance);
            set(&mut network.loss, change.loss.map(|chance| chance.0));
            set(&mut network.duplication, change.duplication.map(|chance| chance.0));
            set(&mut network.reset, change.reset.map(|chance| chance.0));
            if let Some(latency) = change.latency {
                network.latency_ns = (latency.from_ns, latency.to_ns);
            }
        })?)
    }

    fn set_clock(&mut self, clock: Clock) {
        let (ns, sign, word) = match clock {
            Clock::Ahead(span) => (span.0, 1, "ahead"),
            Clock::Behind(span) => (span.0, -1, "behind"),
        };
        self.host.set_wall_clock_ahead_ns(i64::try_from(ns).unwrap_or(i64::MAX) * sign);
        let seconds = ns / 1_000_000_000;
        self.host.note(format!("the wall clock is {seconds} s {word}"));
    }

    /// A configuration that the plugin refuses changes nothing, as in Envoy.
    fn reload(&mut self, reload: &Reload) {
        let configuration = reload.configuration.as_ref().map(configuration_text);
        if let Err(error) = self.host.reload(configuration, reload.drain_time.0) {
            self.host.note(format!("the new configuration is refused: {error}"));
        }
    }

    pub(super) fn stream(&self, name: &str) -> Result<OpenStream, StepError> {
        self.streams.get(name).copied().ok_or_else(|| StepError::NoStream(name.to_owned()))
    }

    pub(super) fn properties(
        &self,
        with: Option<&String>,
        own: &Properties,
    ) -> Result<Properties, StepError> {
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
}
