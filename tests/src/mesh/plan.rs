//! `Plan`: a mesh that is being described, from the sample configurations.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::Mesh;
use crate::aftermath::Aftermath;
use crate::app::{HttpApp, TcpApp};
use crate::clock::Clock;
use crate::fas::Fas;
use crate::ports::{Ports, free_port};
use crate::programs;
use crate::relay::Relay;
use crate::sample::Sample;
use crate::security::Security;
use crate::sidecar::{Settings, Sidecar};
use crate::trapping;

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
    has_hot_restart: bool,
    log_format: Option<&'static str>,
    is_secured: bool,
    is_trapping: bool,
}

impl Plan {
    /// The samples as they are, but pushing more often, so that tests are quick.
    pub(super) fn new() -> Self {
        Self {
            ports: Ports::free(),
            frontend: Sample::load("frontend"),
            backend: Sample::load("backend"),
            push_interval_ms: 200,
            workers: 1,
            has_relay: false,
            has_clock: false,
            has_dynamic_listeners: false,
            has_hot_restart: false,
            log_format: None,
            is_secured: false,
            is_trapping: false,
        }
    }

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

    /// Has the sidecars write their logs in this format, as Envoy's `--log-format` has it.
    pub fn log_format(mut self, format: &'static str) -> Self {
        self.log_format = Some(format);
        self
    }

    /// Has another Envoy take over from the frontend's.
    pub fn with_hot_restart(mut self) -> Self {
        self.has_hot_restart = true;
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

    /// Has the frontend run a filter whose VM traps when it is told to, by a response.
    pub fn trapping(mut self) -> Self {
        self.is_trapping = true;
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

    /// Has the frontend's streams counted by access loggers, in place of the filters.
    pub fn with_access_loggers(mut self) -> Self {
        let others = "          access_log:\n";
        let logger = Sample::load("access-logger");
        let indented = |line: &str| format!("          {line}\n");
        let logger: String = logger.text().lines().map(indented).collect();
        self.frontend = self
            .frontend
            .cut("          - name: flow_filter", "          - name: envoy.filters.http.router")
            .cut("      - name: flow_filter", "      - name: envoy.filters.network.tcp_proxy")
            .put(others, &format!("{others}{logger}"));
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
        let filter = match self.is_trapping {
            true => trapping::filter(directory.path()),
            false => programs::filter(),
        };
        let backend =
            Sidecar::start(self.backend_settings(pushed_to, clock.as_ref()), directory.path());
        let frontend = Sidecar::start(
            self.frontend_settings(pushed_to, clock.as_ref(), &filter),
            directory.path(),
        );
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

    fn frontend_settings<'a>(
        &self,
        pushed_to: u16,
        clock: Option<&'a Clock>,
        filter: &Path,
    ) -> Settings<'a> {
        let sample = self.common(&self.frontend, pushed_to).put_filter(filter);
        Settings {
            name: "frontend".to_owned(),
            sample: sample
                .put_port(Ports::SAMPLE.frontend_admin, self.ports.frontend_admin)
                .put_port(Ports::SAMPLE.outbound_http, self.ports.outbound_http)
                .put_port(Ports::SAMPLE.outbound_tcp, self.ports.outbound_tcp),
            admin_port: self.ports.frontend_admin,
            workers: self.workers,
            log_format: self.log_format,
            has_dynamic_listeners: self.has_dynamic_listeners,
            has_hot_restart: self.has_hot_restart,
            clock,
        }
    }

    fn backend_settings<'a>(&self, pushed_to: u16, clock: Option<&'a Clock>) -> Settings<'a> {
        let sample = self.common(&self.backend, pushed_to).put_filter(&programs::filter());
        Settings {
            name: "backend".to_owned(),
            sample: sample
                .put_port(Ports::SAMPLE.backend_admin, self.ports.backend_admin)
                .put_port(Ports::SAMPLE.app_http, self.ports.app_http)
                .put_port(Ports::SAMPLE.app_tcp, self.ports.app_tcp),
            admin_port: self.ports.backend_admin,
            workers: self.workers,
            log_format: self.log_format,
            has_dynamic_listeners: false,
            has_hot_restart: false,
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
