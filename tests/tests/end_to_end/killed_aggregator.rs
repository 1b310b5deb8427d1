//! The aggregator is killed while sidecars push to it, again and again, and answers are lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use flow_tests::client::{HttpClient, TcpConnection};
use flow_tests::deadline::wait_for;
use flow_tests::mesh::Plan;
use flow_tests::{Bytes, Mesh, Totals};

/// How many faults there are in each test.
const FAULTS: usize = 10;

#[test]
fn nothing_is_lost_or_doubled_when_kills_come_as_bytes_arrive() {
    let mut mesh = busy().start();
    let load = under_load(&mut mesh, |mesh| {
        let before = mesh.fas().totals().expect("the aggregator answers").sum();
        wait_for("bytes to arrive", || {
            let now = mesh.fas().totals()?.sum();
            if now > before { Ok(()) } else { Err(format!("{now:?}")) }
        });
        mesh.fas_mut().kill();
        mesh.fas_mut().restart();
    });
    load.check(mesh);
}

#[test]
fn nothing_is_doubled_when_kills_take_the_answer_with_them() {
    // The batch has been applied, its sender does not know, and so it comes again: to a process
    // that has read what it knows from disk.
    let mut mesh = busy().with_relay().start();
    let load = under_load(&mut mesh, |mesh| {
        mesh.relay().lose_next_answer();
        mesh.fas_mut().kill();
        mesh.fas_mut().restart();
    });
    load.check(mesh);
}

#[test]
fn nothing_is_doubled_when_answers_are_lost() {
    let mut mesh = busy().with_relay().start();
    let load = under_load(&mut mesh, |mesh| mesh.relay().lose_next_answer());
    load.check(mesh);
}

/// Pushes come every 100 ms from two workers of each of two filters.
fn busy() -> Plan {
    Mesh::plan().workers(2).push_interval_ms(100)
}

/// What was sent while faults happened.
#[derive(Default)]
struct Load {
    http: Bytes,
    requests: usize,
    tcp: Bytes,
    connections: usize,
}

/// Lets clients work while [`FAULTS`] faults happen, one after the other.
fn under_load(mesh: &mut Mesh, fault: impl Fn(&mut Mesh)) -> Load {
    let is_over = AtomicBool::new(false);
    let clients = [mesh.http(), mesh.http()];
    let connections = [mesh.tcp(), mesh.tcp()];
    let mut load = Load { connections: connections.len(), ..Load::default() };
    thread::scope(|scope| {
        let is_over = &is_over;
        let over_http = clients.map(|client| scope.spawn(|| call(client, is_over)));
        let over_tcp = connections.map(|connection| scope.spawn(|| talk(connection, is_over)));
        // Also when a fault fails the test, or the clients would go on for ever.
        let stop = StopOnDrop(is_over);
        for _ in 0..FAULTS {
            fault(mesh);
        }
        drop(stop);
        for thread in over_http {
            let (sent, requests) = thread.join().expect("a client fares well");
            load.http += sent;
            load.requests += requests;
        }
        for thread in over_tcp {
            load.tcp += thread.join().expect("a client fares well");
        }
    });
    load
}

fn call(client: HttpClient, is_over: &AtomicBool) -> (Bytes, usize) {
    let (mut sent, mut requests) = (Bytes::default(), 0);
    while !is_over.load(Ordering::Relaxed) {
        sent += client.get(1_009) + client.post(211);
        requests += 2;
    }
    (sent, requests)
}

fn talk(mut connection: TcpConnection, is_over: &AtomicBool) -> Bytes {
    let mut sent = Bytes::default();
    while !is_over.load(Ordering::Relaxed) {
        sent += connection.exchange(307, 1_013);
    }
    sent
}

impl Load {
    /// The load is what Envoy saw, and what the aggregates are in the end.
    fn check(self, mesh: Mesh) {
        let log = |listener| mesh.frontend().access_log(listener);
        assert_eq!(log("outbound_http").bytes_of(self.requests), self.http);
        assert_eq!(log("outbound_tcp").bytes_of(self.connections), self.tcp);
        let (http, tcp) = (self.http, self.tcp);
        mesh.ends_with(&Totals::of([
            ("frontend", "backend", http),
            ("frontend", "backend-tcp", tcp),
        ]));
    }
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
