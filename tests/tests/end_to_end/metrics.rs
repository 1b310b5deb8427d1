//! The filter's metrics, as Envoy shows them.

use flow_tests::deadline::wait_for;
use flow_tests::{Mesh, Totals};

#[test]
fn metrics_tell_what_was_counted_and_what_became_of_it() {
    let mesh = Mesh::plan().workers(2).start();
    let sent = mesh.http().get(10_000) + mesh.http().post(5_000);
    let tcp = mesh.tcp().exchange(100, 200);
    let expected = Totals::of([("frontend", "backend", sent), ("frontend", "backend-tcp", tcp)]);
    mesh.fas().wait_for_totals(&expected);
    let total = sent + tcp;

    let lines = wait_for("the deliveries to be told", || {
        let lines = mesh.frontend().admin("/stats?filter=flow_filter");
        let told = value(&lines, "wasmcustom.flow_filter_table_flows") == Some(0)
            && value(&lines, "wasmcustom.flow_filter_bytes") == Some(total.tx + total.rx);
        if told { Ok(lines) } else { Err(lines) }
    });
    // Two filters, on threads that the connections chose: each delivered its rows by itself.
    let flows = value(&lines, "wasmcustom.flow_filter_flows").expect("flows were delivered");
    assert!((2..=3).contains(&flows), "{lines}");
    for name in ["lost_bytes", "folded_bytes", "batches_retried", "batches_rejected"] {
        assert_eq!(value(&lines, &format!("wasmcustom.flow_filter_{name}")), Some(0), "{lines}");
    }
    let delivered = value(&lines, "wasmcustom.flow_filter_batches_delivered");
    assert!(delivered.is_some_and(|count| count >= flows), "{lines}");

    // Envoy brings histograms up to date every five seconds.
    let tagged = format!("flow_filter_batches{{outcome=\"delivered\"}} {flows}\n");
    let pushes = format!("flow_filter_push_latency_ms_count{{}} {flows}\n");
    wait_for("the metrics to be shown with their tags", || {
        let shown = mesh.frontend().admin("/stats/prometheus?filter=flow_filter");
        if shown.contains(&tagged) && shown.contains(&pushes) { Ok(()) } else { Err(shown) }
    });
}

/// The value of a counter or gauge.
fn value(lines: &str, name: &str) -> Option<u64> {
    let line = lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))?;
    line.parse().ok()
}
