//! The HTTP interface: routes, and what every answer has in common. Status codes are chosen
//! here; what is behind knows none.

mod accept;
mod batches;
mod body;
mod dashboard;
mod drain;
mod flows;
mod guard;
mod health;
mod openapi;
mod params;
mod pressure;
mod problem;
mod reads;
mod stream;

#[cfg(feature = "fuzzing")]
pub(crate) use self::params::fuzz::check as fuzz_query;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{MethodRouter, get, post};
use tokio::sync::Semaphore;

use self::drain::Drain;
use self::pressure::Pressure;
pub(crate) use self::problem::Problem;
use crate::auth::Tokens;
use crate::limits::{MAX_CONCURRENT_READS, MAX_STREAMS, MAX_UNPACKING};
use crate::metrics::Metrics;
use crate::query::Completeness;
use crate::reload::Reloading;
use crate::store::Store;

/// What the handlers share.
pub(crate) struct App {
    pub store: Arc<dyn Store>,
    pub metrics: Arc<Metrics>,
    /// Who may do what; without, everybody everything.
    pub tokens: Option<Arc<Reloading<Tokens>>>,
    /// Begins when the process has been told to end.
    pub draining: Drain,
    /// Places for reads that look at many flows.
    pub reads: Arc<Semaphore>,
    /// Places for streams.
    pub streams: Arc<Semaphore>,
    /// Whether there is too much to do.
    pub pressure: Arc<Pressure>,
    /// Which hours are complete.
    pub completeness: Completeness,
    /// Places for bodies that are being unpacked.
    pub unpacking: Arc<Semaphore>,
}

impl App {
    /// What the handlers share at the start.
    pub fn new(
        store: Arc<dyn Store>,
        metrics: Arc<Metrics>,
        tokens: Option<Arc<Reloading<Tokens>>>,
    ) -> Self {
        Self {
            store,
            pressure: Arc::new(Pressure::new(Arc::clone(&metrics))),
            metrics,
            tokens,
            draining: Drain::default(),
            reads: Arc::new(Semaphore::new(MAX_CONCURRENT_READS)),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            completeness: Completeness::default(),
            unpacking: Arc::new(Semaphore::new(MAX_UNPACKING)),
        }
    }
}

/// The paths, and what is done there. Each is described in [`openapi`].
fn routes() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    vec![
        ("/flows", get(reads::hour::read).post(flows::write)),
        ("/v1/batches", post(batches::write)),
        ("/v1/flows", get(reads::flows::read)),
        ("/v1/summary", get(reads::summary::read)),
        ("/v1/hours", get(reads::hours::read)),
        ("/v1/hints", get(reads::hints::read)),
        ("/v1/audit", get(reads::audit::read)),
        ("/v1/completeness", get(reads::completeness::read)),
        ("/v1/instances", get(reads::instances::read)),
        ("/v1/stream", get(stream::follow)),
        ("/healthz", get(health::alive)),
        ("/readyz", get(health::ready)),
        ("/metrics", get(health::metrics)),
        ("/openapi.json", get(openapi::read)),
    ]
}

/// All routes. Each has a rule in `guard`.
pub(crate) fn router(app: Arc<App>) -> Router {
    let routes = routes().into_iter().chain(dashboard::routes());
    routes
        .fold(Router::new(), |router, (path, methods)| router.route(path, methods))
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard::guard))
        .with_state(app)
}

async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path")
}
