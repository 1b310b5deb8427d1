//! A cluster that guests can call: its backend, and the faults that stand before it.

use std::{collections::VecDeque, fmt, rc::Rc};

use super::{
    CallRequest,
    fault::Fault,
    network::Network,
    reply::{CallResponse, Reply},
    upstream,
};
use crate::grpc::GrpcUpstream;

/// Who answers when nothing goes wrong.
#[derive(Clone)]
#[non_exhaustive]
pub enum Backend {
    /// Always the same answer.
    Reply(Reply),
    /// A real HTTP server at this base URL.
    Server(String),
    /// Whoever runs the host, by [`crate::Host::take_deferred`] and [`crate::Host::answer`].
    Deferred,
    /// A function of the test.
    Function(Rc<dyn Fn(&CallRequest) -> CallResponse>),
}

impl Backend {
    /// The answer; none if nobody takes the connection.
    pub(crate) fn answer(&self, request: &CallRequest) -> Option<CallResponse> {
        match self {
            Self::Reply(reply) => Some(reply.answer(request)),
            Self::Server(base_url) => upstream::send(base_url, request),
            Self::Deferred => None,
            Self::Function(function) => Some(function(request)),
        }
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply(reply) => f.debug_tuple("Reply").field(reply).finish(),
            Self::Server(base_url) => f.debug_tuple("Server").field(base_url).finish(),
            Self::Deferred => f.write_str("Deferred"),
            Self::Function(_) => f.write_str("Function"),
        }
    }
}

/// A cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub(crate) backend: Backend,
    pub(crate) grpc: Option<GrpcUpstream>,
    network: Network,
    script: VecDeque<Fault>,
    /// Connections are refused until then.
    away_until_ns: u64,
}

impl Cluster {
    /// A cluster with this backend, no latency and no faults.
    #[must_use]
    pub fn new(backend: Backend) -> Self {
        let network = Network::new(0);
        Self { backend, grpc: None, network, script: VecDeque::new(), away_until_ns: 0 }
    }

    /// A cluster that always answers so.
    #[must_use]
    pub fn reply(reply: Reply) -> Self {
        Self::new(Backend::Reply(reply))
    }

    /// A cluster that answers with what this function gives for each request.
    pub fn function(function: impl Fn(&CallRequest) -> CallResponse + 'static) -> Self {
        Self::new(Backend::Function(Rc::new(function)))
    }

    /// A cluster that answers gRPC, and HTTP with an empty 200.
    #[must_use]
    pub fn grpc(upstream: GrpcUpstream) -> Self {
        Self { grpc: Some(upstream), ..Self::reply(Reply::new(200)) }
    }

    /// Answers arrive this much later, in virtual time.
    #[must_use]
    pub fn latency_ns(mut self, latency_ns: u64) -> Self {
        self.network.latency_ns = (latency_ns, latency_ns);
        self
    }

    /// The next calls go like this, one after the other; later ones reach the backend.
    pub fn script(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.script.extend(faults);
    }

    /// Connections are refused before this point in virtual time. The script waits meanwhile.
    pub fn away_until(&mut self, until_ns: u64) {
        self.away_until_ns = until_ns;
    }

    /// The network before the cluster, to be changed.
    pub fn network(&mut self) -> &mut Network {
        &mut self.network
    }

    /// How long the next answer takes, in nanoseconds.
    pub(crate) fn delay_ns(&self) -> u64 {
        self.network.delay_ns()
    }

    pub(crate) fn next_fault(&mut self, now_ns: u64) -> Fault {
        if now_ns < self.away_until_ns {
            return Fault::Refused;
        }
        if self.network.is_partitioned(now_ns) {
            return Fault::Timeout;
        }
        self.script.pop_front().unwrap_or_else(|| self.network.fault())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_waits_while_the_cluster_is_away() {
        let mut cluster = Cluster::new(Backend::Reply(Reply::default()));
        cluster.script([Fault::Reset]);
        cluster.away_until(10);
        assert_eq!(cluster.next_fault(9), Fault::Refused);
        assert_eq!(cluster.next_fault(10), Fault::Reset);
        assert_eq!(cluster.next_fault(10), Fault::None);
    }
}
