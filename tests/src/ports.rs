//! The ports of a mesh.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// The ports that a mesh listens on, all on 127.0.0.1.
#[derive(Clone, Debug)]
pub struct Ports {
    /// The aggregator.
    pub aggregator: u16,
    /// The app `backend`, HTTP.
    pub app_http: u16,
    /// The app `backend`, plain TCP.
    pub app_tcp: u16,
    /// Envoy's admin page, frontend.
    pub frontend_admin: u16,
    /// The frontend's way out, HTTP.
    pub outbound_http: u16,
    /// The frontend's way out, plain TCP.
    pub outbound_tcp: u16,
    /// Envoy's admin page, backend.
    pub backend_admin: u16,
    /// The backend's way in, HTTP.
    pub inbound_http: u16,
    /// The backend's way in, plain TCP.
    pub inbound_tcp: u16,
}

impl Ports {
    /// The ports that stand in the sample configurations.
    pub const SAMPLE: Self = Self {
        aggregator: 8080,
        app_http: 9080,
        app_tcp: 9090,
        frontend_admin: 15000,
        outbound_http: 15001,
        outbound_tcp: 15002,
        backend_admin: 15010,
        inbound_http: 15006,
        inbound_tcp: 15007,
    };

    /// Ports that nobody uses.
    pub fn free() -> Self {
        Self {
            aggregator: free_port(),
            app_http: free_port(),
            app_tcp: free_port(),
            frontend_admin: free_port(),
            outbound_http: free_port(),
            outbound_tcp: free_port(),
            backend_admin: free_port(),
            inbound_http: free_port(),
            inbound_tcp: free_port(),
        }
    }

    /// The samples' ports where nobody uses them, and others in place of those that are taken.
    pub fn sample_where_free() -> Self {
        let mut ports = Self::SAMPLE;
        for port in ports.each_mut() {
            if !is_free(*port) {
                *port = free_port();
            }
        }
        ports
    }

    fn each_mut(&mut self) -> [&mut u16; 9] {
        [
            &mut self.aggregator,
            &mut self.app_http,
            &mut self.app_tcp,
            &mut self.frontend_admin,
            &mut self.outbound_http,
            &mut self.outbound_tcp,
            &mut self.backend_admin,
            &mut self.inbound_http,
            &mut self.inbound_tcp,
        ]
    }
}

/// A port that nobody uses, and that no test of this process has been given before.
///
/// Not one that the system chooses: those it also gives to outgoing connections, so that the
/// port of an aggregator that is away would soon belong to somebody else, or even connect to
/// itself. These lie below the range that Linux chooses from.
pub fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    const PER_PROCESS: u16 = 120;
    static NEXT: AtomicU16 = AtomicU16::new(0);

    // Processes that test at the same time start at different places.
    let process = (std::process::id() % u32::from(COUNT / PER_PROCESS)) as u16 * PER_PROCESS;
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (process + step) % COUNT;
        if is_free(port) {
            return port;
        }
    }
    panic!("all the {COUNT} ports from {FIRST} on are in use");
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}
