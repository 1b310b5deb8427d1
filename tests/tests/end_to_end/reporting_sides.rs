//! Which sidecar reports a flow: its source's, its destination's, or both.

use flow_tests::totals::SAMPLE_VPC;
use flow_tests::{Bytes, Mesh, Totals};

/// Names that both sides give to a TCP connection, which by itself does not carry any.
const TCP_NAMES: [(&str, &str); 2] = [
    (
        r#""identity": "envoy",
                  "push""#,
        r#""identity": "envoy", "src_app": "frontend",
                  "push""#,
    ),
    (r#""identity": "envoy","#, r#""identity": "envoy", "dest_app": "backend","#),
];

#[test]
fn by_default_the_source_reports_and_the_destination_does_not() {
    let mesh = Mesh::plan().start();
    let (http, tcp) = send(&mesh);
    assert_eq!(mesh.backend().counter("cluster.flow_aggregator.upstream_rq_total"), 0);
    mesh.ends_with(&Totals::of([("frontend", "backend", http), ("frontend", "backend-tcp", tcp)]));
}

#[test]
fn the_destination_can_report_instead() {
    let mesh = Mesh::plan().everyone_reports("destination").start();
    let (http, tcp) = send(&mesh);
    assert_eq!(mesh.frontend().counter("cluster.flow_aggregator.upstream_rq_total"), 0);
    // The caller's sidecar names it in a header; a plain TCP connection names nobody.
    mesh.ends_with(&Totals::of([("frontend", "backend", http), ("_unknown", "backend", tcp)]));
}

#[test]
fn when_both_report_a_flow_is_still_read_once() {
    let mesh = with_tcp_names().everyone_reports("both").start();
    let (http, tcp) = send(&mesh);
    let expected = Totals::of([("frontend", "backend", http + tcp)]);
    mesh.fas().wait_for_totals(&expected);
    // The destination has pushed too, so that the figures above are not just the source's.
    let pushed = || mesh.backend().counter("cluster.flow_aggregator.upstream_rq_2xx");
    flow_tests::deadline::wait_until("the destination's push", || pushed() > 0);
    mesh.ends_with(&expected);
}

#[test]
fn source_and_destination_see_the_same_bytes() {
    for side in ["source", "destination"] {
        let mesh = with_tcp_names().everyone_reports(side).start();
        let (http, tcp) = send(&mesh);
        mesh.ends_with(&Totals::of([("frontend", "backend", http + tcp)]));
    }
}

fn with_tcp_names() -> flow_tests::mesh::Plan {
    let [(source, named_source), (destination, named_destination)] = TCP_NAMES;
    Mesh::plan().edit_backend(source, named_source).edit_frontend(destination, named_destination)
}

/// Some of each, checked against the access logs of both sides.
fn send(mesh: &Mesh) -> (Bytes, Bytes) {
    let client = mesh.http();
    let http = client.get(54_321) + client.post(2_000) + client.upload(77_777);
    let tcp = mesh.tcp().exchange(11_111, 222_222) + mesh.tcp().exchange(3, 0);

    assert_eq!(mesh.frontend().access_log("outbound_http").bytes_of(3), http);
    assert_eq!(mesh.backend().access_log("inbound_http").bytes_of(3), http);
    assert_eq!(mesh.frontend().access_log("outbound_tcp").bytes_of(2), tcp);
    assert_eq!(mesh.backend().access_log("inbound_tcp").bytes_of(2), tcp);
    (http, tcp)
}

/// Envoy has one root for network filters that differ in their listener's direction only, so that
/// it is each stream that has a side.
#[test]
fn listeners_of_both_directions_may_share_a_root() {
    let path = flow_tests::programs::standalone_samples().join("frontend.yaml");
    let sample = std::fs::read_to_string(path).expect("the sample can be read");
    let tcp_proxy = "      - name: envoy.filters.network.tcp_proxy\n";
    let (before, _) = sample.split_once(tcp_proxy).expect("the sample has a TCP listener");
    let (_, filter) = before.rsplit_once("    - filters:\n").expect("with filters");
    let connections = "      - name: envoy.filters.network.http_connection_manager\n";
    let mesh = Mesh::plan()
        .edit_frontend(connections, &format!("{filter}{connections}"))
        .edit_frontend(
            "- name: outbound_http\n    traffic_direction: OUTBOUND\n",
            "- name: outbound_http\n    traffic_direction: INBOUND\n",
        )
        .edit_frontend(
            r#""mode": "tcp",
                  "report": "source",
                  "direction": "outbound""#,
            r#""mode": "tcp",
                  "report": "both""#,
        )
        .edit_frontend(
            r#"                      "direction": "outbound",
"#,
            "",
        )
        .start();
    let first = mesh.tcp().exchange(1_000, 2_000);
    mesh.http().get(10);
    let outbound = first + mesh.tcp().exchange(1, 1);

    let (ours, theirs) = flow_tests::deadline::wait_for("the flows of both listeners", || {
        let totals = mesh.fas().totals()?;
        let of = |source: &str, destination: &str| {
            let key = (source.to_owned(), destination.to_owned(), SAMPLE_VPC.to_owned());
            totals.0.get(&key).copied().unwrap_or_default()
        };
        let found = (of("frontend", "backend-tcp"), of("_unknown", "frontend"));
        let is_all = totals.0.len() == 2 && found.0 == outbound;
        if is_all { Ok(found) } else { Err(format!("{totals:#?}")) }
    });
    assert_eq!(ours, outbound);
    // The request and its answer with their headers: it is the connection that is counted.
    assert!(theirs.tx > 0 && theirs.rx > 10, "{theirs:?}");
}
