//! The aggregator is away for a while: traffic does not notice, and no byte is missing later.

use flow_tests::deadline::wait_until;
use flow_tests::{Bytes, Mesh, Totals};

#[test]
fn traffic_is_undisturbed_and_totals_are_exact_afterwards() {
    let mut mesh = Mesh::plan().start();
    let mut connection = mesh.tcp();
    let (mut http, mut tcp) = (mesh.http().get(100), connection.exchange(100, 100));
    mesh.fas().wait_for_totals(&totals(http, tcp));

    mesh.fas_mut().stop();
    // Clients panic unless each answer is a 200 with the right body.
    let client = mesh.http();
    let mut requests = 1;
    let mut send = || {
        http += client.get(30_000) + client.post(4_000) + client.post_chunked(50_000);
        tcp += connection.exchange(60_000, 7_000);
        requests += 3;
    };
    send();
    // Several pushes fail, and there is more to tell after each.
    for failures in 1..=3 {
        wait_until("a push to fail", || failed_pushes(&mesh) >= failures);
        send();
    }

    mesh.fas_mut().restart();
    mesh.fas().wait_for_totals(&totals(http, tcp));
    drop(connection);
    assert_eq!(mesh.frontend().access_log("outbound_http").bytes_of(requests), http);
    assert_eq!(mesh.frontend().access_log("outbound_tcp").bytes_of(1), tcp);
    mesh.ends_with(&totals(http, tcp));
}

#[test]
fn a_mesh_that_starts_before_its_aggregator_loses_nothing() {
    let mut mesh = Mesh::plan().start();
    mesh.fas_mut().stop();
    let sent = mesh.http().post(12_345);
    wait_until("a push to fail", || failed_pushes(&mesh) > 0);
    mesh.fas_mut().restart();
    mesh.ends_with(&Totals::of([("frontend", "backend", sent)]));
}

fn totals(http: Bytes, tcp: Bytes) -> Totals {
    Totals::of([("frontend", "backend", http), ("frontend", "backend-tcp", tcp)])
}

fn failed_pushes(mesh: &Mesh) -> u64 {
    let count = |name: &str| mesh.frontend().counter(name);
    count("cluster.flow_aggregator.upstream_cx_connect_fail")
        + count("cluster.flow_aggregator.upstream_rq_5xx")
}
