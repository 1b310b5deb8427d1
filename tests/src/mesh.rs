//! An aggregator, two sidecars and two apps, put together as the sample configurations say.

use std::sync::Arc;

use tempfile::TempDir;

use crate::aftermath::Aftermath;
use crate::app::{HttpApp, TcpApp};
use crate::client::{Http2Stream, HttpClient, HttpStream, TcpConnection};
use crate::clock::Clock;
use crate::fas::Fas;
use crate::ports::{Ports, free_port};
use crate::relay::Relay;
use crate::sample::Sample;
use crate::security::Security;
use crate::sidecar::{Settings, Sidecar};
use crate::totals::{Hours, Totals};

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

/// A mesh that is being described.
pub struct Plan {
    ports: Ports,
    frontend: Sample,
    backend: Sample,
    push_interval_ms: u32,
    workers: usize,
    has_relay: bool,
    has_clock: bool,
    has_dynamic_listeners: bool,
    is_secured: bool,
}

impl Mesh {
    /// A mesh as the samples have it, but pushing more often, so that tests are quick.
    pub fn plan() -> Plan {
        Plan {
            ports: Ports::free(),
            frontend: Sample::load("frontend"),
            backend: Sample::load("backend"),
            push_interval_ms: 200,
            workers: 1,
            has_relay: false,
            has_clock: false,
            has_dynamic_listeners: false,
            is_secured: false,
        }
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

impl Plan {
    /// Uses `ports`.
    pub fn ports(mut self, ports: Ports) -> Self {
        self.ports = ports;
        self
    }

    /// Has both sidecars run `workers` threads.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Has the sidecars reach the aggregator by way of a [`Relay`].
    pub fn with_relay(mut self) -> Self {
        self.has_relay = true;
        self
    }

    /// Has the frontend's listeners change while it runs.
    pub fn with_dynamic_listeners(mut self) -> Self {
        self.has_dynamic_listeners = true;
        self
    }

    /// Has both sidecars go by a wall clock that the test can set.
    pub fn with_clock(mut self) -> Self {
        self.has_clock = true;
        self
    }

    /// Has sidecars and aggregator talk by mutual TLS, and the aggregator demand a token.
    pub fn secured(mut self) -> Self {
        self.is_secured = true;
        self
    }

    /// Has the filters push every `push_interval_ms`.
    pub fn push_interval_ms(mut self, push_interval_ms: u32) -> Self {
        self.push_interval_ms = push_interval_ms;
        self
    }

    /// Has both sidecars report as `side`.
    pub fn everyone_reports(self, side: &str) -> Self {
        let (sample, report) = (r#""report": "source""#, format!(r#""report": "{side}""#));
        self.edit_frontend(sample, &report).edit_backend(sample, &report)
    }

    /// Puts `new` in place of `old` in the frontend's configuration.
    pub fn edit_frontend(mut self, old: &str, new: &str) -> Self {
        self.frontend = self.frontend.put(old, new);
        self
    }

    /// Puts `new` in place of `old` in the backend's configuration.
    pub fn edit_backend(mut self, old: &str, new: &str) -> Self {
        self.backend = self.backend.put(old, new);
        self
    }

    /// Starts everything, and returns when all of it is ready.
    pub fn start(mut self) -> Mesh {
        let directory = TempDir::with_prefix("flow-mesh-").expect("a directory can be made");
        let aftermath = Aftermath::remove(directory.path().as_os_str());
        let security = self.is_secured.then(|| Arc::new(Security::new(directory.path())));
        if let Some(security) = &security {
            self.frontend = security.secure_frontend(self.frontend);
            self.backend = security.secure_backend(self.backend);
        }
        let ports = &self.ports;
        let fas = Fas::start_with(ports.aggregator, directory.path(), security);
        let relay = self.has_relay.then(|| Relay::start(free_port(), ports.aggregator));
        let pushed_to = relay.as_ref().map_or(ports.aggregator, Relay::port);
        let clock = self.has_clock.then(|| Clock::new(directory.path()));
        let apps = (HttpApp::start(ports.app_http), TcpApp::start(ports.app_tcp));
        let backend =
            Sidecar::start(self.backend_settings(pushed_to, clock.as_ref()), directory.path());
        let frontend =
            Sidecar::start(self.frontend_settings(pushed_to, clock.as_ref()), directory.path());
        let directory = (directory, aftermath);
        Mesh {
            frontend,
            backend,
            fas,
            relay,
            clock,
            _apps: apps,
            ports: self.ports,
            _directory: directory,
        }
    }

    fn frontend_settings<'a>(&self, pushed_to: u16, clock: Option<&'a Clock>) -> Settings<'a> {
        let sample = self.common(&self.frontend, pushed_to);
        Settings {
            name: "frontend".to_owned(),
            sample: sample
                .put_port(Ports::SAMPLE.frontend_admin, self.ports.frontend_admin)
                .put_port(Ports::SAMPLE.outbound_http, self.ports.outbound_http)
                .put_port(Ports::SAMPLE.outbound_tcp, self.ports.outbound_tcp),
            admin_port: self.ports.frontend_admin,
            workers: self.workers,
            has_dynamic_listeners: self.has_dynamic_listeners,
            clock,
        }
    }

    fn backend_settings<'a>(&self, pushed_to: u16, clock: Option<&'a Clock>) -> Settings<'a> {
        let sample = self.common(&self.backend, pushed_to);
        Settings {
            name: "backend".to_owned(),
            sample: sample
                .put_port(Ports::SAMPLE.backend_admin, self.ports.backend_admin)
                .put_port(Ports::SAMPLE.app_http, self.ports.app_http)
                .put_port(Ports::SAMPLE.app_tcp, self.ports.app_tcp),
            admin_port: self.ports.backend_admin,
            workers: self.workers,
            has_dynamic_listeners: false,
            clock,
        }
    }

    /// What both configurations name.
    fn common(&self, sample: &Sample, pushed_to: u16) -> Sample {
        let interval = format!(r#""interval_ms": {}"#, self.push_interval_ms);
        sample
            .clone()
            .put_port(Ports::SAMPLE.aggregator, pushed_to)
            .put_port(Ports::SAMPLE.inbound_http, self.ports.inbound_http)
            .put_port(Ports::SAMPLE.inbound_tcp, self.ports.inbound_tcp)
            .put(r#""interval_ms": 5000"#, &interval)
    }
}
