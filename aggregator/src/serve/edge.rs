//! `Edge`: what all connections share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::sync::Semaphore;

use super::entrance::Entrance;
use super::open_files;
use super::terms::Timeouts;
use crate::limits::{
    HTTP2_PING, HTTP2_SEND_BYTES, MAX_BODIES_BYTES, MAX_HEAD_BYTES, MAX_HTTP2_STREAMS,
};
use crate::metrics::Metrics;
use crate::reload::Reloading;

/// What all connections share.
pub(super) struct Edge {
    pub router: Router,
    pub metrics: Arc<Metrics>,
    pub http: auto::Builder<TokioExecutor>,
    pub tls: Option<Arc<Reloading<rustls::ServerConfig>>>,
    pub timeouts: Timeouts,
    /// One permit for every connection that may still come.
    pub seats: Arc<Semaphore>,
    /// One permit for every refused client that may still be told so.
    pub refusals: Arc<Semaphore>,
    max_connections: usize,
    bodies_bytes: AtomicUsize,
}

impl Edge {
    pub fn new(router: Router, metrics: Arc<Metrics>, entrance: &Entrance) -> Self {
        let share = open_files::share(entrance.max_connections.min(Semaphore::MAX_PERMITS));
        metrics.connections_limit.set(i64::try_from(share.connections).unwrap_or(i64::MAX));
        Self {
            router,
            metrics,
            http: http(),
            tls: entrance.tls.clone(),
            timeouts: entrance.timeouts,
            seats: Arc::new(Semaphore::new(share.connections)),
            refusals: Arc::new(Semaphore::new(share.refusals)),
            max_connections: share.connections,
            bodies_bytes: AtomicUsize::new(0),
        }
    }

    /// Whether so many are here that those who do nothing should make room.
    pub fn crowded(&self) -> bool {
        self.seats.available_permits() <= self.max_connections / 4
    }

    /// Makes room for bytes of request bodies; gives whether there is room. Either way, they are
    /// to be given back.
    pub fn take_bodies_bytes(&self, count: usize) -> bool {
        let before = self.bodies_bytes.fetch_add(count, Ordering::Relaxed);
        before.saturating_add(count) <= MAX_BODIES_BYTES
    }

    /// Gives bytes of request bodies back.
    pub fn give_bodies_bytes(&self, count: usize) {
        self.bodies_bytes.fetch_sub(count, Ordering::Relaxed);
    }
}

/// HTTP/1.1 and HTTP/2 as we speak them. Idle connections and slow heads are ended by `pulse`,
/// which costs less than a timer for every request as hyper would set it.
fn http() -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().max_buf_size(MAX_HEAD_BYTES).header_read_timeout(None);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HTTP2_PING)
        .keep_alive_timeout(HTTP2_PING)
        .max_concurrent_streams(MAX_HTTP2_STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX))
        .max_send_buf_size(HTTP2_SEND_BYTES);
    http
}
