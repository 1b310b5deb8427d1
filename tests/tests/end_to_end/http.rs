//! HTTP mode: bodies of all kinds, counted as Envoy counts them.

use std::thread;
use std::time::Duration;

use flow_tests::client::agent;
use flow_tests::{Bytes, Mesh, Totals};

/// Around the sizes at which something changes: nothing, one byte, a chunk of the app's, a
/// network buffer, Envoy's own buffers of 16 KiB and 1 MiB.
const SIZES: [usize; 9] = [0, 1, 999, 1_000, 1_001, 16_384, 65_537, 300_000, 2_500_000];

#[test]
fn bodies_of_all_sizes_are_counted_to_the_byte() {
    let mesh = Mesh::plan().start();
    let client = mesh.http();
    let mut sent = Bytes::default();
    for size in SIZES {
        sent += client.get(size) + client.get_chunked(size);
        sent += client.post(size) + client.post_chunked(size) + client.upload(size);
    }

    assert_eq!(mesh.frontend().access_log("outbound_http").bytes_of(5 * SIZES.len()), sent);
    assert_eq!(mesh.backend().access_log("inbound_http").bytes_of(5 * SIZES.len()), sent);
    mesh.ends_with(&Totals::of([("frontend", "backend", sent)]));
}

#[test]
fn many_connections_over_one_worker_are_counted_to_the_byte() {
    concurrent_connections_are_exact(1);
}

#[test]
fn many_connections_over_two_workers_are_counted_to_the_byte() {
    concurrent_connections_are_exact(2);
}

fn concurrent_connections_are_exact(workers: usize) {
    const CONNECTIONS: usize = 12;
    const ROUNDS: usize = 20;
    let mesh = Mesh::plan().workers(workers).start();

    let one_connection = |number: usize| {
        let client = mesh.http();
        let round = |round: usize| {
            let size = 1_000 * number + round;
            client.get(size) + client.post(size) + client.get_chunked(3 * size)
        };
        (0..ROUNDS).map(round).sum::<Bytes>()
    };
    let sent: Bytes = thread::scope(|scope| {
        let spawn = |number| scope.spawn(move || one_connection(number));
        let threads: Vec<_> = (0..CONNECTIONS).map(spawn).collect();
        threads.into_iter().map(|thread| thread.join().expect("a client fares well")).sum()
    });

    let requests = CONNECTIONS * ROUNDS * 3;
    assert_eq!(mesh.frontend().access_log("outbound_http").bytes_of(requests), sent);
    mesh.ends_with(&Totals::of([("frontend", "backend", sent)]));
}

#[test]
fn what_envoy_answers_by_itself_is_counted_as_envoy_counts_it() {
    const REQUESTS: usize = 6;
    let mesh = Mesh::plan()
        .edit_frontend(
            "route: { cluster: backend, timeout: 0s }",
            "direct_response: { status: 200, body: { inline_string: seven b } }",
        )
        .start();
    let url = format!("http://127.0.0.1:{}/anything", mesh.ports().outbound_http);
    let agent = agent(Duration::from_secs(10));
    for _ in 0..REQUESTS / 2 {
        agent.get(&url).call().expect("an answer");
        // Whether a body that nobody waits for is still received is Envoy's affair.
        agent.post(&url).send(&[b'x'; 100][..]).expect("an answer");
    }

    let witnessed = mesh.frontend().access_log("outbound_http").bytes_of(REQUESTS);
    assert_eq!(witnessed.rx, 7 * REQUESTS as u64);
    // No cluster was chosen, so nobody knows the destination.
    mesh.ends_with(&Totals::of([("frontend", "_unknown", witnessed)]));
}
