//! `serve`: runs the HTTP interface over a store until it is told to end.

use std::io;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::http::{App, router};
use crate::limits::SHUTDOWN_GRACE;
use crate::metrics::Metrics;
use crate::store::Store;

/// Answers requests on `listener` until `shutdown` completes; then finishes what is in flight,
/// for at most [`SHUTDOWN_GRACE`], and closes the store.
///
/// # Errors
/// When the listener fails.
pub async fn run(
    listener: TcpListener,
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let app = Arc::new(App::new(Arc::clone(&store), metrics));
    let draining = Arc::new(Notify::new());
    let begin_drain = {
        let (app, draining) = (Arc::clone(&app), Arc::clone(&draining));
        async move {
            shutdown.await;
            app.draining.begin();
            draining.notify_one();
        }
    };
    let serving = axum::serve(listener, router(app)).with_graceful_shutdown(begin_drain);
    let result = tokio::select! {
        result = async { serving.await } => result,
        () = async { draining.notified().await; tokio::time::sleep(SHUTDOWN_GRACE).await } => {
            log::warn!("some requests did not end within {} s", SHUTDOWN_GRACE.as_secs());
            Ok(())
        }
    };
    store.close().await;
    result
}
