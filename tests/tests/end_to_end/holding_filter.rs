//! A filter behind ours that holds data back: Envoy then delivers the same bytes again.

use flow_tests::app::request;
use flow_tests::client::TcpConnection;
use flow_tests::deadline::wait_until;
use flow_tests::gate::Gate;
use flow_tests::mesh::Plan;
use flow_tests::{Bytes, Mesh, Totals};

/// A filter that asks before it lets the first data of a connection through.
const EXT_AUTHZ: &str = r#"      - name: envoy.filters.network.ext_authz
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.ext_authz.v3.ExtAuthz
          stat_prefix: gate
          failure_mode_allow: true
          grpc_service: { envoy_grpc: { cluster_name: gate }, timeout: 60s }
"#;

/// A filter that asks when a connection begins, and lets nothing through meanwhile.
const RATE_LIMIT: &str = r#"      - name: envoy.filters.network.ratelimit
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.ratelimit.v3.RateLimit
          stat_prefix: gate
          domain: connections
          descriptors: [{ entries: [{ key: a, value: b }] }]
          timeout: 60s
          rate_limit_service:
            transport_api_version: V3
            grpc_service: { envoy_grpc: { cluster_name: gate }, timeout: 60s }
"#;

const TCP_PROXY: &str = "      - name: envoy.filters.network.tcp_proxy\n";

#[test]
fn bytes_that_wait_for_authorization_are_counted_once() {
    let gate = Gate::shut();
    let mesh = asking(EXT_AUTHZ, &gate).start();
    let mut connection = mesh.tcp();
    let request = request(39, 5);
    let mut sent = in_pieces(&mesh, &mut connection, &[20, 30, 39, 47], &request);
    gate.open();
    sent += connection.answer(5);
    sent += connection.exchange(100, 100) + connection.exchange(0, 0);
    drop(connection);
    // The next connection is let through at once, or what it sends comes in one piece.
    sent += mesh.tcp().exchange(1_000, 1_000);

    // Envoy's own log has counted such bytes again and again.
    let logged = mesh.frontend().access_log("outbound_tcp").bytes_of(2);
    assert_eq!(logged, sent + Bytes::new(20 + 30 + 39, 0));
    wait_until("a warning", || mesh.frontend().log().contains("holds data back"));
    mesh.ends_with(&Totals::of([("frontend", "backend-tcp", sent)]));
}

#[test]
fn a_long_upload_that_waits_for_authorization_is_counted_once() {
    let gate = Gate::shut();
    let mesh = asking(EXT_AUTHZ, &gate).start();
    let mut connection = mesh.tcp();
    let request = request(400_000, 1);
    let ends = [10, 30_000, 32_768, 150_000, 300_000, request.len()];
    let mut sent = in_pieces(&mesh, &mut connection, &ends, &request);
    gate.open();
    sent += connection.answer(1);
    mesh.fas().wait_for_totals(&Totals::of([("frontend", "backend-tcp", sent)]));
    // From now on bytes get through, and are counted as ever.
    sent += connection.exchange(300_000, 1);
    mesh.ends_with(&Totals::of([("frontend", "backend-tcp", sent)]));
}

#[test]
fn a_filter_that_holds_connections_does_not_deliver_bytes_again() {
    let gate = Gate::shut();
    let mesh = asking(RATE_LIMIT, &gate).start();
    let mut connection = mesh.tcp();
    let request = request(100, 5);
    let mut sent = connection.send(&request[..50]);
    wait_until("the filter to ask", || mesh.frontend().counter("ratelimit.gate.total") == 1);
    sent += connection.send(&request[50..]);
    gate.open();
    sent += connection.answer(5);
    drop(connection);
    assert_eq!(mesh.frontend().access_log("outbound_tcp").bytes_of(1), sent);
    mesh.ends_with(&Totals::of([("frontend", "backend-tcp", sent)]));
}

#[test]
fn a_sender_that_repeats_itself_is_not_taken_for_one_that_is_held_back() {
    let mesh = Mesh::plan().start();
    // Each wants no answer, and is sent again at the beginning of the next piece.
    let message = request(20, 0);
    let mut sent = Bytes::default();
    for copies in [[1, 1], [1, 2], [3, 3], [10, 300]] {
        let mut connection = mesh.tcp();
        let whole = message.repeat(copies.into_iter().sum());
        let ends = [message.len() * copies[0], whole.len()];
        sent += in_pieces(&mesh, &mut connection, &ends, &whole);
        connection.end();
    }
    assert_eq!(mesh.frontend().access_log("outbound_tcp").bytes_of(4), sent);
    assert!(!mesh.frontend().log().contains("holds data back"));
    mesh.ends_with(&Totals::of([("frontend", "backend-tcp", sent)]));
}

#[test]
fn bodies_that_a_filter_gathers_behind_ours_are_counted_once() {
    const ROUTER: &str = "          - name: envoy.filters.http.router\n";
    const BUFFER: &str = r#"          - name: envoy.filters.http.buffer
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer
              max_request_bytes: 2000000
"#;
    let mesh = Mesh::plan().edit_frontend(ROUTER, &[BUFFER, ROUTER].concat()).start();
    let client = mesh.http();
    let mut sent = Bytes::default();
    for size in [1, 1_000, 100_000, 700_000] {
        sent += client.post(size) + client.post_chunked(size) + client.upload(size);
    }
    assert_eq!(mesh.frontend().access_log("outbound_http").bytes_of(12), sent);
    mesh.ends_with(&Totals::of([("frontend", "backend", sent)]));
}

/// Sends pieces of `request` that end at these places, each when Envoy has read the one before.
fn in_pieces(mesh: &Mesh, connection: &mut TcpConnection, ends: &[usize], request: &[u8]) -> Bytes {
    let read = || mesh.frontend().counter("tcp.outbound_tcp.downstream_cx_rx_bytes_total");
    let (before, mut begin) = (read(), 0);
    let mut sent = Bytes::default();
    for end in ends {
        sent += connection.send(&request[begin..*end]);
        wait_until("a piece to be read", || read() == before + sent.tx);
        begin = *end;
    }
    assert_eq!(begin, request.len(), "the last piece is the request's end");
    sent
}

/// Puts a filter that asks at the gate between ours and `tcp_proxy`.
fn asking(filter: &str, gate: &Gate) -> Plan {
    const CLUSTERS: &str = "  clusters:\n";
    let cluster = format!(
        r#"  - name: gate
    type: STATIC
    connect_timeout: 1s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{ http2_protocol_options: {{}} }}
    load_assignment:
      cluster_name: gate
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {} }} }} }}
"#,
        gate.port()
    );
    Mesh::plan()
        .edit_frontend(TCP_PROXY, &[filter, TCP_PROXY].concat())
        .edit_frontend(CLUSTERS, &[CLUSTERS, &cluster].concat())
}
