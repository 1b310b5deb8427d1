//! A gate for connections: an authorization server that says nothing until it is opened, so that
//! Envoy's filter that asks it holds back what has come.

use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::ports::free_port;

/// The server. It runs until the end of the process.
pub struct Gate {
    port: u16,
    waiting: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl Gate {
    /// A gate that is shut.
    pub fn shut() -> Self {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port can be used");
        let waiting = Arc::new(Mutex::new(Some(Vec::new())));
        let shared = Arc::clone(&waiting);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Of an open gate the connection ends at once.
                if let Some(waiting) = shared.lock().expect("nobody panics").as_mut() {
                    waiting.push(stream);
                }
            }
        });
        Self { port, waiting }
    }

    /// The port to ask at.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Lets everybody pass, from now on: an answer that does not come is a yes for those who were
    /// told so.
    pub fn open(&self) {
        *self.waiting.lock().expect("nobody panics") = None;
    }
}
