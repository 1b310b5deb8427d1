//! Closed-loop load: each connection sends its next request when it has the last one's answer.

use std::net::SocketAddr;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};
use crate::http::Connection;
use crate::latency::Latencies;

/// What a load took.
pub struct Load {
    /// From the first request to the last answer.
    pub wall: Duration,
    /// From a request to its answer.
    pub latencies: Latencies,
}

/// Sends the requests of each lane over a connection of its own, in order. An answer other than
/// 200 ends it with a failure.
pub fn closed_loop(address: SocketAddr, lanes: &[Vec<Vec<u8>>]) -> Result<Load> {
    let clients = lanes.iter().map(|requests| {
        move |start: &Barrier| {
            let connection = Connection::open(address);
            start.wait();
            send_all(connection?, requests)
        }
    });
    in_parallel(clients.collect())
}

/// Runs clients side by side; each opens its connection, waits for the others, and begins.
pub fn in_parallel<C>(clients: Vec<C>) -> Result<Load>
where
    C: FnOnce(&Barrier) -> Result<Latencies> + Send,
{
    let start = Barrier::new(clients.len() + 1);
    std::thread::scope(|scope| {
        let start = &start;
        let clients: Vec<_> =
            clients.into_iter().map(|client| scope.spawn(move || client(start))).collect();
        start.wait();
        let begin = Instant::now();
        let mut latencies = Latencies::default();
        for client in clients {
            latencies.append(client.join().map_err(|_| Failure::new("a client panicked"))??);
        }
        Ok(Load { wall: begin.elapsed(), latencies })
    })
}

fn send_all(mut connection: Connection, requests: &[Vec<u8>]) -> Result<Latencies> {
    let mut latencies = Latencies::default();
    for request in requests {
        let begin = Instant::now();
        let head = connection.send(request)?;
        if head.status != 200 {
            return Err(Failure::new(format!("a request was answered with {}", head.status)));
        }
        latencies.push(begin.elapsed());
    }
    Ok(latencies)
}

/// Deals requests out to `count` lanes, one after the other.
pub fn lanes<T>(requests: impl IntoIterator<Item = T>, count: usize) -> Vec<Vec<T>> {
    let mut lanes: Vec<Vec<T>> = (0..count).map(|_| Vec::new()).collect();
    let mut requests = requests.into_iter();
    loop {
        for lane in &mut lanes {
            let Some(request) = requests.next() else { return lanes };
            lane.push(request);
        }
    }
}
