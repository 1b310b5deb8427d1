//! `Root`: an instance, as Envoy sees it: it is configured, ticks, pushes, and ends.

use std::rc::Rc;

use flow_model::wire::SPILL_MARK;
use log::Level;

use super::abi::{self, Buffer};
use super::call;
use super::host::{self, Host};
use super::metrics::Metrics;

use crate::config::Config;
use crate::filter::Filter;
use crate::instance::Origin;
use crate::register::Register;

/// An instance, once it is configured.
#[derive(Default)]
pub(super) struct Root {
    configuration: Vec<u8>,
    filter: Option<Filter>,
    metrics: Metrics,
    /// A number that no other VM of the process has.
    drawn: u32,
    /// Its part in what all roots of the process keep together.
    register: Register,
    /// When the last push was sent, in nanoseconds since the Unix epoch.
    sent_ns: u64,
    /// Envoy waits for `done`.
    awaited: bool,
}

impl Root {
    /// What it counts with, once it is configured.
    pub fn filter_mut(&mut self) -> Option<&mut Filter> {
        self.filter.as_mut()
    }

    /// Takes the configuration, and says whether it is one.
    pub fn configure(&mut self) -> bool {
        let bytes = abi::buffer(Buffer::PluginConfiguration, 0, usize::MAX).unwrap_or_default();
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
                abi::log(Level::Error, &format!("flow_filter: bad configuration: {error}"));
                false
            }
        }
    }

    /// A tick. Returns whether Envoy, which waited for the end, may go on.
    pub fn tick(&mut self) -> bool {
        if let Some(filter) = &mut self.filter {
            filter.take_over(&mut self.register, &Host, abi::now_ns());
        }
        self.drive(|filter| filter.tick(abi::now_ns()));
        self.may_go()
    }

    /// A push is answered. Returns whether Envoy, which waited for the end, may go on.
    pub fn answered(&mut self, token: u32, num_headers: usize, body_size: usize) -> bool {
        let response = call::response(num_headers, body_size);
        // A clock that was set back meanwhile tells nothing.
        if let Some(latency_ns) = abi::now_ns().checked_sub(self.sent_ns) {
            self.metrics.tell_latency(latency_ns);
        }
        self.drive(|filter| filter.answered(token, &response, abi::now_ns()));
        self.may_go()
    }

    /// The end begins. Returns whether nothing is left to do.
    pub fn end(&mut self) -> bool {
        self.drive(|filter| filter.end(abi::now_ns()));
        // An Envoy that is being ended does not wait, and brings no answers: its log outlives it.
        for batch in self.filter.iter().flat_map(Filter::unconfirmed) {
            abi::log(Level::Warn, &format!("{SPILL_MARK}{}", String::from_utf8_lossy(batch)));
        }
        self.awaited = !self.is_settled();
        !self.awaited
    }

    /// Runs `action` on the filter, then sends what it returns, logs and counts.
    fn drive(&mut self, action: impl FnOnce(&mut Filter) -> Option<Rc<[u8]>>) {
        let Some(filter) = &mut self.filter else { return };
        if let Some(first_traffic_ns) = filter.needs_name() {
            let origin = origin(filter, first_traffic_ns, self.drawn);
            filter.name(&origin);
        }
        if let Some(body) = action(filter) {
            match call::post(filter.push_config(), &body) {
                Ok(token) => {
                    self.sent_ns = abi::now_ns();
                    filter.sent(token);
                }
                Err(_) => filter.not_sent(),
            }
        }
        filter.keep(&mut self.register, &Host);
        for notice in filter.take_notices() {
            if notice.level() <= Level::Info {
                abi::log(notice.level(), &format!("flow_filter: {notice}"));
            }
        }
        self.metrics.tell(&filter.totals());
    }

    fn is_settled(&mut self) -> bool {
        self.filter.as_mut().is_none_or(Filter::is_settled)
    }

    fn may_go(&mut self) -> bool {
        self.awaited && self.is_settled()
    }

    fn start(&mut self, config: Config) {
        let started_ns = abi::now_ns();
        self.drawn = host::draw();
        self.register = Register::new(self.drawn);
        let filter = Filter::new(config, &Host, started_ns, seed(started_ns, self.drawn));
        abi::set_tick_ms(u32::try_from(filter.tick_ms()).unwrap_or(u32::MAX));
        self.filter = Some(filter);
        self.metrics.define();
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
