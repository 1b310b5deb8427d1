//! An aggregator, two sidecars and two apps, put together as the sample configurations say.

mod plan;

use tempfile::TempDir;

use crate::aftermath::Aftermath;
use crate::app::{HttpApp, TcpApp};
use crate::client::{Http2Stream, HttpClient, HttpStream, TcpConnection};
use crate::clock::Clock;
use crate::fas::Fas;
use crate::ports::Ports;
use crate::relay::Relay;
use crate::sidecar::Sidecar;
use crate::totals::{Hours, Totals};

pub use plan::Plan;

/// A running mesh. Dropping it stops everything and removes its files.
pub struct Mesh {
    // In the order in which they are to stop.
    frontend: Sidecar,
    backend: Sidecar,
    fas: Fas,
    relay: Option<Relay>,
    clock: Option<Clock>,
    _apps: (HttpApp, TcpApp),
    ports: Ports,
    _directory: (TempDir, Aftermath),
}

impl Mesh {
    /// A mesh as the samples have it, but pushing more often, so that tests are quick.
    pub fn plan() -> Plan {
        Plan::new()
    }

    /// A new HTTP client of the app `frontend`, with a connection of its own.
    pub fn http(&self) -> HttpClient {
        HttpClient::new(self.ports.outbound_http)
    }

    /// A new TCP connection of the app `frontend`.
    pub fn tcp(&self) -> TcpConnection {
        TcpConnection::open(self.ports.outbound_tcp)
    }

    /// A new request of the app `frontend` that is sent and answered in pieces.
    pub fn http_stream(&self) -> HttpStream {
        HttpStream::open(self.ports.outbound_http)
    }

    /// The same over HTTP/2.
    pub fn http2_stream(&self) -> Http2Stream {
        Http2Stream::open(self.ports.outbound_http)
    }

    /// A new connection that was a request, and has been upgraded, as for a WebSocket.
    pub fn upgraded(&self) -> TcpConnection {
        TcpConnection::upgrade(self.ports.outbound_http)
    }

    /// The sidecar of the app `frontend`.
    pub fn frontend(&self) -> &Sidecar {
        &self.frontend
    }

    /// The sidecar of the app `frontend`, to be stopped.
    pub fn frontend_mut(&mut self) -> &mut Sidecar {
        &mut self.frontend
    }

    /// The sidecar of the app `backend`.
    pub fn backend(&self) -> &Sidecar {
        &self.backend
    }

    /// The aggregator.
    pub fn fas(&self) -> &Fas {
        &self.fas
    }

    /// The aggregator, to be killed or started again.
    pub fn fas_mut(&mut self) -> &mut Fas {
        &mut self.fas
    }

    /// The link between the sidecars and the aggregator, which the plan must have asked for.
    pub fn relay(&self) -> &Relay {
        self.relay.as_ref().expect("the plan has a relay")
    }

    /// The wall clock of both sidecars, which the plan must have asked for.
    pub fn clock(&self) -> &Clock {
        self.clock.as_ref().expect("the plan has a clock")
    }

    /// The ports that everything listens on.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Waits until the aggregates are `expected`, then ends both sidecars, with the pushes that
    /// they still make, and panics if anything has been added by these.
    pub fn ends_with(mut self, expected: &Totals) {
        self.fas.wait_for_totals(expected);
        self.stop_sidecars();
        let totals = self.fas.totals().expect("the aggregator answers");
        assert_eq!(totals, *expected, "the aggregates after the sidecars have ended");
    }

    /// Like [`Mesh::ends_with`], but hour by hour.
    pub fn ends_with_hours(mut self, expected: &Hours) {
        self.fas.wait_for_hours(expected);
        self.stop_sidecars();
        let hours = self.fas.by_hour().expect("the aggregator answers");
        assert_eq!(hours, *expected, "the aggregates after the sidecars have ended");
    }

    fn stop_sidecars(&mut self) {
        self.frontend.stop();
        self.backend.stop();
    }
}
