//! The aggregator is slow: its answers come after a push has been given up, and then after several
//! intervals. Traffic does not notice, and what was applied unseen is not counted twice.

use flow_tests::deadline::{wait_for, wait_until};
use flow_tests::{Bytes, Mesh, Totals};

/// Ten times the interval of the tests.
const TIMEOUT_MS: u64 = 2_000;

#[test]
fn an_aggregator_that_answers_late_disturbs_nothing_and_totals_are_exact() {
    let push = r#""push": {"cluster": "flow_aggregator""#;
    let with_timeout = format!(r#"{push}, "timeout_ms": {TIMEOUT_MS}"#);
    let mesh = Mesh::plan().with_relay().edit_frontend(push, &with_timeout).start();
    let client = mesh.http();
    let mut connection = mesh.tcp();
    let (mut http, mut tcp, mut requests) = (Bytes::default(), Bytes::default(), 0);
    // Clients panic unless each answer is right, to the byte.
    let mut send = || {
        http += client.get(30_000) + client.post(4_000);
        tcp += connection.exchange(6_000, 7_000);
        requests += 2;
        totals(http, tcp)
    };
    let counter = |name: &str| mesh.frontend().counter(name);
    let delivered = || counter("wasmcustom.flow_filter_batches_delivered");

    mesh.relay().delay_answers(TIMEOUT_MS + 1_000);
    let before = delivered();
    let first = send();
    mesh.fas().wait_for_totals(&first);
    for timeouts in 1..=2 {
        send();
        wait_until("a push to be given up", || {
            counter("cluster.flow_aggregator.upstream_rq_timeout") >= timeouts
        });
    }
    assert_eq!(delivered(), before, "what the aggregator has, the filter does not know of");

    mesh.relay().delay_answers(TIMEOUT_MS / 4);
    let before = delivered();
    for batches in 1..=3 {
        send();
        wait_until("a late answer to be taken", || delivered() >= before + batches);
    }
    mesh.relay().delay_answers(0);
    let expected = send();
    drop(connection);
    mesh.fas().wait_for_totals(&expected);
    // The last answers, too: then nothing is in the air when Envoy ends.
    wait_for("nothing to be left", || {
        let stats = mesh.frontend().admin("/stats?filter=flow_filter");
        let is_settled = stats.contains("flow_filter_table_flows: 0\n")
            && stats.contains("flow_filter_lost_bytes: 0\n");
        if is_settled { Ok(()) } else { Err(stats) }
    });
    assert!(counter("wasmcustom.flow_filter_batches_retried") >= 2);
    assert_eq!(mesh.frontend().access_log("outbound_http").bytes_of(requests), http);
    assert_eq!(mesh.frontend().access_log("outbound_tcp").bytes_of(1), tcp);
    mesh.ends_with(&expected);
}

fn totals(http: Bytes, tcp: Bytes) -> Totals {
    Totals::of([("frontend", "backend", http), ("frontend", "backend-tcp", tcp)])
}
