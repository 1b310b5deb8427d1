//! A sidecar: a filter with a clock, that pushes to a fake aggregator.

use std::rc::Rc;

use flow_filter::clock::WallClock;
use flow_filter::config::Config;
use flow_filter::filter::Filter;
use flow_filter::identity::Attributes;
use flow_filter::instance::Origin;
use flow_filter::observe::{Data, Delivery, Moved};
use flow_filter::push::Response;
use flow_filter::slab::Slot;
use serde_json::{Value, json};

use crate::aggregator::{Aggregator, Fault};
use crate::attributes::Fake;

/// An hour, in milliseconds.
pub const HOUR_MS: u64 = 3_600_000;

/// When every sidecar starts: on the hour 480000.
pub const START_MS: u64 = 480_000 * HOUR_MS;

/// The hour of [`START_MS`].
pub const HOUR: u32 = 480_000;

/// A filter, its clock and its aggregator.
pub struct Sidecar {
    pub filter: Filter,
    pub aggregator: Aggregator,
    pub now_ms: u64,
    token: u32,
}

/// A clock that stands still.
struct At(u64);

impl At {
    fn of(sidecar: &Sidecar) -> Self {
        Self(sidecar.now_ms * 1_000_000)
    }
}

impl WallClock for At {
    fn now_ns(&self) -> u64 {
        self.0
    }
}

/// A call that has not been answered.
pub struct Call {
    pub token: u32,
    pub body: Rc<[u8]>,
}

impl Sidecar {
    /// A sidecar with this configuration, a push cluster and an interval of 1 s added.
    pub fn new(mut config: Value, seed: u64) -> Self {
        let push = json!({"cluster": "aggregator", "interval_ms": 1_000, "timeout_ms": 1_000});
        config["push"] = push;
        let config = Config::parse(config.to_string().as_bytes()).unwrap();
        let node = Fake::default().with("xds.node.metadata.app", "frontend");
        let filter = Filter::new(config, &node, START_MS * 1_000_000, seed);
        Self { filter, aggregator: Aggregator::default(), now_ms: START_MS, token: 0 }
    }

    /// Counts bytes that move now.
    pub fn count(&mut self, slot: Slot, moved: Moved, attributes: &dyn Attributes) {
        self.filter.count(slot, moved, &At::of(self), attributes);
    }

    /// Tells of a stream that ends now.
    pub fn record(&mut self, attributes: &dyn Attributes) {
        self.filter.record(&At::of(self), attributes);
    }

    /// Delivers data of a connection now.
    pub fn deliver(
        &mut self,
        slot: Slot,
        size: usize,
        attributes: &dyn Attributes,
        data: &dyn Data,
    ) {
        let delivery = Delivery { size: size as u64, is_end: false };
        self.filter.deliver(slot, delivery, &At::of(self), attributes, data);
    }

    /// Lets one tick pass, and returns the call that it makes.
    pub fn tick(&mut self) -> Option<Call> {
        self.now_ms += self.filter.tick_ms();
        self.tick_now()
    }

    /// Ticks without the clock moving on.
    pub fn tick_now(&mut self) -> Option<Call> {
        self.name();
        let body = self.filter.tick(self.now_ms * 1_000_000);
        self.call(body)
    }

    /// Begins the end.
    pub fn end(&mut self) -> Option<Call> {
        self.name();
        let body = self.filter.end(self.now_ms * 1_000_000);
        self.call(body)
    }

    /// Brings an answer, and returns the call that it leads to.
    pub fn answer(&mut self, token: u32, response: &Response) -> Option<Call> {
        let body = self.filter.answered(token, response, self.now_ms * 1_000_000);
        self.call(body)
    }

    /// Ticks for a while; every call is answered at once, and well.
    pub fn run_ms(&mut self, duration_ms: u64) {
        let end_ms = self.now_ms + duration_ms;
        while self.now_ms < end_ms {
            let mut next = self.tick();
            while let Some(call) = next {
                let response = self.aggregator.post(&call.body, Fault::None).unwrap();
                next = self.answer(call.token, &response);
            }
        }
    }

    fn name(&mut self) {
        if let Some(first_traffic_ns) = self.filter.needs_name() {
            let (node_id, vm_id) = ("node".to_owned(), String::new());
            let started_ns = self.filter.started_ns();
            self.filter.name(&Origin { node_id, vm_id, started_ns, first_traffic_ns, drawn: 1 });
        }
    }

    fn call(&mut self, body: Option<Rc<[u8]>>) -> Option<Call> {
        let body = body?;
        self.token += 4;
        self.filter.sent(self.token);
        Some(Call { token: self.token, body })
    }
}
