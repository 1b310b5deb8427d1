//! The app `backend`: two small servers that answer exactly the bytes that they are asked for.

mod http;
mod tcp;

pub use http::HttpApp;
pub use tcp::{TcpApp, answer, exchange, read_answer, request};

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Accepts connections on a port until it is dropped; each is served by a thread of its own.
struct Server {
    port: u16,
    stopped: Arc<AtomicBool>,
}

impl Server {
    fn start(port: u16, serve: fn(TcpStream) -> std::io::Result<()>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port))
            .unwrap_or_else(|error| panic!("an app cannot listen on port {port}: {error}"));
        let stopped = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stopped);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if seen.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                // A connection that breaks is the sidecar's to notice, and the client's to tell.
                thread::spawn(move || serve(stream));
            }
        });
        Self { port, stopped }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // One last connection, so that the thread wakes up and sees it.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}
