//! What `/metrics` tells: counters and histograms in the Prometheus text format.

use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder, exponential_buckets,
};

/// The program's metrics.
pub struct Metrics {
    registry: Registry,
    /// `fas_http_requests_total{path,status}`
    pub http_requests: IntCounterVec,
    /// `fas_http_requests_in_flight`
    pub requests_in_flight: IntGauge,
    /// `fas_connections`
    pub connections: IntGauge,
    /// `fas_connections_refused_total`
    pub connections_refused: IntCounter,
    /// `fas_connections_ended_total{reason}`: idle, stalled, handshake
    pub connections_ended: IntCounterVec,
    /// `fas_reloads_total{file,outcome}`: ok, failed
    pub reloads: IntCounterVec,
    /// `fas_flows_accepted_total`
    pub flows_accepted: IntCounter,
    /// `fas_shed_requests_total{reason}`: lag, in_flight
    pub shed_requests: IntCounterVec,
    /// `fas_lag_seconds`
    pub lag_seconds: Gauge,
    /// `fas_flows_expired_total`
    pub flows_expired: IntCounter,
    /// `fas_hours_pruned_total`
    pub hours_pruned: IntCounter,
    /// `fas_hours`
    pub hours: IntGauge,
    /// `fas_hot_hours`
    pub hot_hours: IntGauge,
    /// `fas_flows_memory_bytes`
    pub memory_bytes: IntGauge,
    /// `fas_instances`
    pub instances: IntGauge,
    /// `fas_skewed_instances`
    pub skewed: IntGauge,
    /// `fas_batches_total{status}`: applied, duplicate, refused
    pub batches: IntCounterVec,
    /// `fas_reported_lost_bytes_total`
    pub lost_bytes: IntCounter,
    /// `fas_reported_folded_bytes_total`
    pub folded_bytes: IntCounter,
    /// `fas_commit_seconds`
    pub commit_seconds: Histogram,
    /// `fas_commit_writes`
    pub commit_writes: Histogram,
}

impl Metrics {
    /// Makes and registers all metrics.
    ///
    /// # Errors
    /// When two metrics have one name.
    pub fn new() -> Result<Self, prometheus::Error> {
        let metrics = Self {
            registry: Registry::new(),
            http_requests: IntCounterVec::new(
                Opts::new("fas_http_requests_total", "HTTP requests answered."),
                &["path", "status"],
            )?,
            requests_in_flight: IntGauge::new(
                "fas_http_requests_in_flight",
                "HTTP requests whose answers are not yet under way in full.",
            )?,
            connections: IntGauge::new("fas_connections", "Connections that are open.")?,
            connections_refused: IntCounter::new(
                "fas_connections_refused_total",
                "Connections refused because too many were open.",
            )?,
            connections_ended: IntCounterVec::new(
                Opts::new(
                    "fas_connections_ended_total",
                    "Connections ended because the client was slow, by what it was slow at.",
                ),
                &["reason"],
            )?,
            reloads: IntCounterVec::new(
                Opts::new("fas_reloads_total", "Changes of tokens and certificates on disk."),
                &["file", "outcome"],
            )?,
            flows_accepted: IntCounter::new(
                "fas_flows_accepted_total",
                "Flows added, by direct writes and batches.",
            )?,
            shed_requests: IntCounterVec::new(
                Opts::new("fas_shed_requests_total", "Requests refused because of too much to do."),
                &["reason"],
            )?,
            lag_seconds: Gauge::new(
                "fas_lag_seconds",
                "How long requests wait for a thread; 0 when none come.",
            )?,
            flows_expired: IntCounter::new(
                "fas_flows_expired_total",
                "Flows left out because their hours are no longer kept.",
            )?,
            hours_pruned: IntCounter::new(
                "fas_hours_pruned_total",
                "Hours let go because they are no longer kept.",
            )?,
            hours: IntGauge::new("fas_hours", "Hours that have flows.")?,
            hot_hours: IntGauge::new("fas_hot_hours", "Hours that are all in memory.")?,
            memory_bytes: IntGauge::new(
                "fas_flows_memory_bytes",
                "Memory that flows take, about.",
            )?,
            instances: IntGauge::new("fas_instances", "Instances whose deliveries are known.")?,
            skewed: IntGauge::new(
                "fas_skewed_instances",
                "Instances that report with a clock more than 10 s off.",
            )?,
            batches: IntCounterVec::new(
                Opts::new("fas_batches_total", "Batches by what became of them."),
                &["status"],
            )?,
            lost_bytes: IntCounter::new(
                "fas_reported_lost_bytes_total",
                "Bytes that filters reported lost.",
            )?,
            folded_bytes: IntCounter::new(
                "fas_reported_folded_bytes_total",
                "Bytes that filters folded into _other rows.",
            )?,
            commit_seconds: Histogram::with_opts(
                HistogramOpts::new("fas_commit_seconds", "Time to make a group of writes durable.")
                    .buckets(exponential_buckets(0.000_1, 4.0, 9)?),
            )?,
            commit_writes: Histogram::with_opts(
                HistogramOpts::new("fas_commit_writes", "Writes that shared one sync.")
                    .buckets(exponential_buckets(1.0, 4.0, 6)?),
            )?,
        };
        metrics.register()?;
        // An alert on a counter's growth needs to see it at zero.
        for status in ["applied", "duplicate", "refused"] {
            metrics.batches.with_label_values(&[status]);
        }
        for reason in ["lag", "in_flight"] {
            metrics.shed_requests.with_label_values(&[reason]);
        }
        for reason in ["idle", "stalled", "handshake"] {
            metrics.connections_ended.with_label_values(&[reason]);
        }
        for file in ["tokens", "certificates"] {
            for outcome in ["ok", "failed"] {
                metrics.reloads.with_label_values(&[file, outcome]);
            }
        }
        Ok(metrics)
    }

    fn register(&self) -> Result<(), prometheus::Error> {
        self.registry.register(Box::new(self.http_requests.clone()))?;
        self.registry.register(Box::new(self.requests_in_flight.clone()))?;
        self.registry.register(Box::new(self.connections.clone()))?;
        self.registry.register(Box::new(self.connections_refused.clone()))?;
        self.registry.register(Box::new(self.connections_ended.clone()))?;
        self.registry.register(Box::new(self.reloads.clone()))?;
        self.registry.register(Box::new(self.flows_accepted.clone()))?;
        self.registry.register(Box::new(self.shed_requests.clone()))?;
        self.registry.register(Box::new(self.lag_seconds.clone()))?;
        self.registry.register(Box::new(self.flows_expired.clone()))?;
        self.registry.register(Box::new(self.hours_pruned.clone()))?;
        self.registry.register(Box::new(self.hours.clone()))?;
        self.registry.register(Box::new(self.hot_hours.clone()))?;
        self.registry.register(Box::new(self.memory_bytes.clone()))?;
        self.registry.register(Box::new(self.instances.clone()))?;
        self.registry.register(Box::new(self.skewed.clone()))?;
        self.registry.register(Box::new(self.batches.clone()))?;
        self.registry.register(Box::new(self.lost_bytes.clone()))?;
        self.registry.register(Box::new(self.folded_bytes.clone()))?;
        self.registry.register(Box::new(self.commit_seconds.clone()))?;
        self.registry.register(Box::new(self.commit_writes.clone()))
    }

    /// All metrics in the Prometheus text format, version 0.0.4.
    ///
    /// # Errors
    /// When a metric cannot be written as text.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
