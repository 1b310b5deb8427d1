//! The whole service at work: real Envoy, the real filter, the real aggregator.
//!
//! The witness is Envoy itself, by its access log and its counters; the clients know what they
//! sent, as a second one. `cargo xtask test` sets up what these tests need.

#[path = "end_to_end/access_logger.rs"]
mod access_logger;
#[path = "end_to_end/aggregator_away.rs"]
mod aggregator_away;
#[path = "end_to_end/bounds.rs"]
mod bounds;
#[path = "end_to_end/completeness.rs"]
mod completeness;
#[path = "end_to_end/configuration.rs"]
mod configuration;
#[path = "end_to_end/holding_filter.rs"]
mod holding_filter;
#[path = "end_to_end/hours.rs"]
mod hours;
#[path = "end_to_end/http.rs"]
mod http;
#[path = "end_to_end/istio.rs"]
mod istio;
#[path = "end_to_end/killed_aggregator.rs"]
mod killed_aggregator;
#[path = "end_to_end/listener_update.rs"]
mod listener_update;
#[path = "end_to_end/metrics.rs"]
mod metrics;
#[path = "end_to_end/mutual_tls.rs"]
mod mutual_tls;
#[path = "end_to_end/other_languages.rs"]
mod other_languages;
#[path = "end_to_end/reporting_sides.rs"]
mod reporting_sides;
#[path = "end_to_end/rough_traffic.rs"]
mod rough_traffic;
#[path = "end_to_end/scenarios.rs"]
mod scenarios;
#[path = "end_to_end/simulated_mesh.rs"]
mod simulated_mesh;
#[path = "end_to_end/slow_aggregator.rs"]
mod slow_aggregator;
#[path = "end_to_end/spill.rs"]
mod spill;
#[path = "end_to_end/tcp.rs"]
mod tcp;
#[path = "end_to_end/trap.rs"]
mod trap;
#[path = "end_to_end/watching.rs"]
mod watching;
