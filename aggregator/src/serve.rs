//! `serve`: runs the HTTP interface over a store until it is told to end.
//!
//! `accept` takes connections, as many as there may be; `connection` serves one; `pulse` tells
//! whether its client still plays along; `entrance` has what decides who may come in at all.

mod accept;
mod connection;
mod edge;
mod entrance;
mod open_files;
mod pulse;
mod refusal;
mod request_body;
mod response_body;
mod terms;
mod tls;
mod watched_stream;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use self::edge::Edge;
pub use self::entrance::Entrance;
pub(crate) use self::request_body::BodyFault;
pub use self::terms::{Terms, Timeouts};
pub use self::tls::{TlsError, TlsFiles};
use crate::http::{App, router};
use crate::limits::SHUTDOWN_GRACE;
use crate::metrics::Metrics;
use crate::store::Store;

/// Answers requests on `listener` until `shutdown` completes; then finishes what is in flight,
/// for at most [`SHUTDOWN_GRACE`], and closes the store.
pub async fn run(
    listener: TcpListener,
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    entrance: Entrance,
    shutdown: impl Future<Output = ()>,
) {
    let tokens = entrance.tokens.clone();
    let app = Arc::new(App::new(Arc::clone(&store), Arc::clone(&metrics), tokens));
    let edge = Arc::new(Edge::new(router(Arc::clone(&app)), Arc::clone(&metrics), &entrance));
    let _following = entrance.follow(&metrics);
    let (drain, draining) = watch::channel(());
    tokio::select! {
        () = accept::accept(listener, edge, draining) => {}
        () = shutdown => {}
    }
    app.draining.begin();
    drain.send_replace(());
    // Every connection holds a receiver until it has ended.
    if tokio::time::timeout(SHUTDOWN_GRACE, drain.closed()).await.is_err() {
        log::warn!("some requests did not end within {} s", SHUTDOWN_GRACE.as_secs());
    }
    store.close().await;
}
