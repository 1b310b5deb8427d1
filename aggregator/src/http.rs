//! The HTTP interface: routes, and what every answer has in common. Status codes are chosen
//! here; what is behind knows none.

mod batches;
mod body;
mod flows;
mod guard;
mod health;
mod problem;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{get, post};

pub(crate) use self::problem::Problem;
use crate::auth::Tokens;
use crate::metrics::Metrics;
use crate::reload::Reloading;
use crate::store::Store;

/// What the handlers share.
pub(crate) struct App {
    pub store: Arc<dyn Store>,
    pub metrics: Arc<Metrics>,
    /// Who may do what; without, everybody everything.
    pub tokens: Option<Arc<Reloading<Tokens>>>,
    /// Set when the process has been told to end.
    pub draining: AtomicBool,
}

/// All routes. Each has a rule in `guard`.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/flows", get(flows::read).post(flows::write))
        .route("/v1/batches", post(batches::write))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard::guard))
        .with_state(app)
}

async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path")
}
