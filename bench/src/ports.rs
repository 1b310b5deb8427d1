//! Ports for servers.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use crate::failure::{Failure, Result};

/// Below what Linux gives to outgoing connections: a bench opens thousands of those, and one of
/// them would soon have the port of a server that is not there yet.
const FIRST: u16 = 10_000;
const COUNT: u16 = 10_000;

/// Processes that run at the same time start at different places.
const PER_PROCESS: u16 = 100;

/// A port of 127.0.0.1 that nobody listens on, and that this process has not been given before.
pub fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let process = (std::process::id() % u32::from(COUNT / PER_PROCESS)) as u16 * PER_PROCESS;
    let mut candidates = (0..COUNT).map(|_| {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        FIRST + (process + step) % COUNT
    });
    let free = candidates.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.ok_or_else(|| Failure::new(format!("all {COUNT} ports from {FIRST} on are in use")))
}

/// The same as an address.
pub fn free_address() -> Result<SocketAddr> {
    Ok(SocketAddr::from(([127, 0, 0, 1], free_port()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        assert_ne!(free_port().unwrap(), free_port().unwrap());
    }
}
