//! Taking connections, as many as there may be. Nothing that a client or the system does ends it.

use std::io;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::connection;
use super::edge::Edge;
use super::pulse::Pulse;
use super::refusal::refuse;
use crate::limits::ACCEPT_PAUSE;

/// Takes connections for ever.
pub(super) async fn accept(listener: TcpListener, edge: Arc<Edge>, draining: watch::Receiver<()>) {
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                failing = false;
                seat(stream, &edge, &draining);
            }
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                // Told once: it can go on for long, ten times a second.
                if !failing {
                    log::error!("connections cannot be accepted at the moment: {error}");
                }
                failing = true;
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether only the connection that was to be accepted is concerned: its client has gone.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn seat(stream: TcpStream, edge: &Arc<Edge>, draining: &watch::Receiver<()>) {
    // Answers are small and must not wait for more.
    if let Err(error) = stream.set_nodelay(true) {
        log::debug!("TCP_NODELAY: {error}");
    }
    let Ok(seat) = Arc::clone(&edge.seats).try_acquire_owned() else {
        return turn_away(stream, edge);
    };
    let pulse = Arc::new(Pulse::new(Arc::clone(edge)));
    let draining = draining.clone();
    tokio::spawn(async move {
        connection::serve(stream, pulse, draining).await;
        drop(seat);
    });
}

fn turn_away(stream: TcpStream, edge: &Arc<Edge>) {
    edge.metrics.connections_refused.inc();
    // Before a TLS handshake there is no way to say anything.
    if edge.tls.is_none()
        && let Ok(permit) = Arc::clone(&edge.refusals).try_acquire_owned()
    {
        tokio::spawn(async move {
            refuse(stream).await;
            drop(permit);
        });
    }
}
