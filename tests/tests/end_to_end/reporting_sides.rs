//! Which sidecar reports a flow: its source's, its destination's, or both.

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
