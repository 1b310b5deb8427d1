//! `Root`: an instance, as Envoy sees it: it is configured, ticks, pushes, and ends.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext, StreamContext};
use proxy_wasm::types::{BufferType, ContextType};

use super::call;
use super::host::{self, Host};
use super::http::Http;
use super::metrics::Metrics;
use super::stream::{Shared, Stream};
use super::tcp::Tcp;
use crate::config::{Config, Mode};
use crate::filter::Filter;
use crate::instance::Origin;

/// An instance, once it is configured.
#[derive(Default)]
pub(super) struct Root {
    configuration: Vec<u8>,
    /// The configuration cannot be read when Envoy asks for it.
    mode: Option<Mode>,
    filter: Option<Shared>,
    metrics: Metrics,
    /// A number that no other VM of the process has.
    drawn: u32,
    /// Envoy waits for `done`.
    awaited: bool,
}

impl Root {
    /// Runs `action` on the filter, then sends what it returns, logs and counts.
    fn drive(&mut self, action: impl FnOnce(&mut Filter) -> Option<Rc<[u8]>>) {
        let Some(shared) = self.filter.clone() else { return };
        let Ok(mut filter) = shared.try_borrow_mut() else { return };
        if let Some(first_traffic_ns) = filter.needs_name() {
            let origin = origin(&filter, first_traffic_ns, self.drawn);
            filter.name(&origin);
        }
        if let Some(body) = action(&mut filter) {
            match call::post(filter.push_config(), &body) {
                Ok(token) => filter.sent(token),
                Err(_) => filter.not_sent(),
            }
        }
        for notice in filter.take_notices() {
            log::log!(notice.level(), "flow_filter: {notice}");
        }
        self.metrics.tell(&filter.totals());
    }

    fn is_settled(&self) -> bool {
        self.filter.as_ref().is_none_or(|filter| {
            filter.try_borrow_mut().is_ok_and(|mut filter| filter.is_settled())
        })
    }

    /// Lets Envoy go on once all is settled.
    fn release(&mut self) {
        if self.awaited && self.is_settled() {
            self.awaited = false;
            // Envoy may have gone on without waiting; then there is nothing to be released.
            let _ = hostcalls::done();
        }
    }

    fn start(&mut self, config: Config) {
        let started_ns = host::now_ns();
        self.mode = Some(config.mode);
        self.drawn = host::draw();
        let filter = Filter::new(config, &Host, started_ns, seed(started_ns, self.drawn));
        let _ = hostcalls::set_tick_period(Duration::from_millis(filter.tick_ms()));
        self.filter = Some(Rc::new(RefCell::new(filter)));
        self.metrics.define();
    }
}

impl Context for Root {
    fn on_http_call_response(
        &mut self,
        token_id: u32,
        num_headers: usize,
        body_size: usize,
        _num_trailers: usize,
    ) {
        let response = call::response(num_headers, body_size);
        self.drive(|filter| filter.answered(token_id, &response, host::now_ns()));
        self.release();
    }

    fn on_done(&mut self) -> bool {
        self.drive(|filter| filter.end(host::now_ns()));
        self.awaited = !self.is_settled();
        !self.awaited
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _plugin_configuration_size: usize) -> bool {
        let bytes = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, usize::MAX);
        let bytes = bytes.ok().flatten().unwrap_or_default();
        if self.filter.is_some() {
            // A root belongs to one configuration; what it has counted must not be dropped.
            return self.configuration == bytes;
        }
        match Config::parse(&bytes) {
            Ok(config) => {
                self.configuration = bytes;
                self.start(config);
                true
            }
            Err(error) => {
                log::error!("flow_filter: bad configuration: {error}");
                false
            }
        }
    }

    fn on_tick(&mut self) {
        self.drive(|filter| filter.tick(host::now_ns()));
        self.release();
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http(Stream::new(self.filter.clone()))))
    }

    fn create_stream_context(&self, _context_id: u32) -> Option<Box<dyn StreamContext>> {
        Some(Box::new(Tcp(Stream::new(self.filter.clone()))))
    }

    fn get_type(&self) -> Option<ContextType> {
        match self.mode {
            Some(Mode::Tcp) => Some(ContextType::StreamContext),
            Some(Mode::Http) | None => Some(ContextType::HttpContext),
        }
    }
}

fn origin(filter: &Filter, first_traffic_ns: u64, drawn: u32) -> Origin {
    Origin {
        node_id: host::text(&["xds", "node", "id"]),
        vm_id: host::text(&["plugin_vm_id"]),
        started_ns: filter.started_ns(),
        first_traffic_ns,
        drawn,
    }
}

/// A seed that differs between the Envoys of a mesh, and between the VMs of one, also when they
/// start in the same nanosecond.
fn seed(started_ns: u64, drawn: u32) -> u64 {
    // FNV-1a, https://datatracker.ietf.org/doc/html/draft-eastlake-fnv
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let node = host::text(&["xds", "node", "id"]).bytes().fold(started_ns, fold);
    drawn.to_le_bytes().into_iter().fold(node, fold)
}
