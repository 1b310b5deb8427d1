//! TCP mode: connections short and long, counted as Envoy counts them.

use std::thread;

use flow_tests::deadline::wait_for;
use flow_tests::{Bytes, Mesh, Totals};

#[test]
fn connections_are_counted_to_the_byte() {
    concurrent_connections_are_exact(1);
}

#[test]
fn connections_over_two_workers_are_counted_to_the_byte() {
    concurrent_connections_are_exact(2);
}

fn concurrent_connections_are_exact(workers: usize) {
    const CONNECTIONS: usize = 10;
    let mesh = Mesh::plan().workers(workers).start();

    let one_connection = |number: usize| {
        let mut connection = mesh.tcp();
        let sizes = [(0, 0), (1, 0), (0, 1), (100_000 + number, 7), (number, 1_500_000)];
        sizes.into_iter().map(|(sent, wanted)| connection.exchange(sent, wanted)).sum::<Bytes>()
    };
    let sent: Bytes = thread::scope(|scope| {
        let spawn = |number| scope.spawn(move || one_connection(number));
        let threads: Vec<_> = (0..CONNECTIONS).map(spawn).collect();
        threads.into_iter().map(|thread| thread.join().expect("a client fares well")).sum()
    });

    assert_eq!(mesh.frontend().access_log("outbound_tcp").bytes_of(CONNECTIONS), sent);
    assert_eq!(mesh.backend().access_log("inbound_tcp").bytes_of(CONNECTIONS), sent);
    wait_for_counters(&mesh, sent);
    mesh.ends_with(&Totals::of([("frontend", "backend-tcp", sent)]));
}

#[test]
fn a_connection_that_stays_open_is_counted_meanwhile() {
    let mesh = Mesh::plan().start();
    let mut connection = mesh.tcp();
    let mut sent = Bytes::default();
    for round in 1..=5 {
        sent += connection.exchange(10_000 * round, 123_456);
        // The connection is still open, and yet its bytes can be read back, round by round.
        wait_for_counters(&mesh, sent);
        mesh.fas().wait_for_totals(&Totals::of([("frontend", "backend-tcp", sent)]));
    }
    assert!(mesh.frontend().access_log("outbound_tcp").lines().is_empty(), "it has been closed");

    drop(connection);
    assert_eq!(mesh.frontend().access_log("outbound_tcp").bytes_of(1), sent);
    mesh.ends_with(&Totals::of([("frontend", "backend-tcp", sent)]));
}

#[test]
fn a_connection_that_nothing_is_said_on_is_no_flow() {
    let mesh = Mesh::plan().start();
    drop(mesh.tcp());
    assert_eq!(mesh.frontend().access_log("outbound_tcp").bytes_of(1), Bytes::default());

    // What follows is pushed after what the silent connection might have left behind.
    let sent = mesh.tcp().exchange(5, 5);
    assert_eq!(mesh.frontend().access_log("outbound_tcp").bytes_of(2), sent);
    mesh.ends_with(&Totals::of([("frontend", "backend-tcp", sent)]));
}

/// Envoy's counters say so, on the side of the app and on that of the backend's sidecar. It counts
/// bytes after it has written them, so that the client may be quicker.
fn wait_for_counters(mesh: &Mesh, sent: Bytes) {
    let count = |name: &str| mesh.frontend().counter(name);
    wait_for(&format!("Envoy's counters to be {sent:?}"), || {
        let downstream = Bytes {
            tx: count("tcp.outbound_tcp.downstream_cx_rx_bytes_total"),
            rx: count("tcp.outbound_tcp.downstream_cx_tx_bytes_total"),
        };
        let upstream = Bytes {
            tx: count("cluster.backend-tcp.upstream_cx_tx_bytes_total"),
            rx: count("cluster.backend-tcp.upstream_cx_rx_bytes_total"),
        };
        let is_so = downstream == sent && upstream == sent;
        if is_so { Ok(()) } else { Err(format!("they are {downstream:?} and {upstream:?}")) }
    });
}
