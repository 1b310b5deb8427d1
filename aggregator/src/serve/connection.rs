//! One connection: TLS if that is asked for, then HTTP/1.1 or HTTP/2, until the client closes, is
//! too slow, or the service ends.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use axum::body::Body;
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::Service;

use super::pulse::{Flight, Pulse, Verdict};
use super::request_body::RequestBody;
use super::response_body::ResponseBody;
use super::watched_stream::WatchedStream;
use crate::limits::REFUSAL_TIMEOUT;

/// Serves a connection to its end.
pub(super) async fn serve(stream: TcpStream, pulse: Arc<Pulse>, mut draining: watch::Receiver<()>) {
    let stream = WatchedStream::new(stream, Arc::clone(&pulse));
    let Some(tls) = pulse.edge.tls.as_ref().map(|tls| tls.get()) else {
        return speak_http(stream, pulse, draining).await;
    };
    let handshake = timeout(pulse.edge.timeouts.handshake, TlsAcceptor::from(tls).accept(stream));
    let outcome = tokio::select! {
        outcome = handshake => outcome,
        _ = draining.changed() => return,
    };
    match outcome {
        Ok(Ok(stream)) => speak_http(stream, pulse, draining).await,
        Ok(Err(error)) => log::debug!("TLS handshake: {error}"),
        Err(_) => ended(&pulse, "handshake"),
    }
}

async fn speak_http(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    pulse: Arc<Pulse>,
    mut draining: watch::Receiver<()>,
) {
    let service = {
        let pulse = Arc::clone(&pulse);
        service_fn(move |request| answer(Arc::clone(&pulse), request))
    };
    let mut http = pin!(pulse.edge.http.serve_connection(TokioIo::new(stream), service));
    let mut alarm = pin!(sleep(pulse.edge.timeouts.check));
    let (mut told_to_drain, mut told_to_end) = (false, false);
    loop {
        tokio::select! {
            biased;
            outcome = http.as_mut() => {
                if let Err(error) = outcome {
                    log::debug!("connection: {error}");
                    // It was us, not the client: an answer could not be read to its end.
                    if error.downcast_ref().is_some_and(hyper::Error::is_user) {
                        pulse.break_off();
                    }
                }
                return;
            }
            _ = draining.changed(), if !told_to_drain => {
                told_to_drain = true;
                http.as_mut().graceful_shutdown();
            }
            () = alarm.as_mut() => match pulse.verdict() {
                Verdict::GoOn(pause) => alarm.as_mut().reset(Instant::now() + pause),
                Verdict::Stalled => {
                    pulse.break_off();
                    return ended(&pulse, "stalled");
                }
                Verdict::Idle if told_to_end => return,
                // A request that is just arriving is still answered.
                Verdict::Idle => {
                    told_to_end = true;
                    ended(&pulse, "idle");
                    http.as_mut().graceful_shutdown();
                    alarm.as_mut().reset(Instant::now() + REFUSAL_TIMEOUT);
                }
            },
        }
    }
}

fn ended(pulse: &Pulse, reason: &str) {
    pulse.edge.metrics.connections_ended.with_label_values(&[reason]).inc();
}

/// Passes a request to the router, and keeps it in flight until its answer is under way.
async fn answer(
    pulse: Arc<Pulse>,
    request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible> {
    let flight = Arc::new(Flight::new(pulse));
    let multiplexed = request.version() == Version::HTTP_2;
    let request = request.map(|incoming| {
        if incoming.is_end_stream() {
            return Body::empty();
        }
        Body::new(RequestBody::new(incoming, Arc::clone(&flight)))
    });
    let response = flight.pulse.edge.router.clone().call(request).await?;
    Ok(response.map(|body| ResponseBody::new(body, flight, multiplexed)))
}
