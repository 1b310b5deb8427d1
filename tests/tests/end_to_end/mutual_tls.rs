//! A mesh with mutual TLS: certificates say who is who on both sides, and the aggregator takes
//! pushes from sidecars with a certificate and a token only.

use flow_tests::mesh::Plan;
use flow_tests::{Bytes, Mesh, Totals};

const TRUSTED_HEADER: &str = r#""trust_request_headers": "inbound","#;
const CALLER: &str = r#""src_app": ["peer_uri_san", {"request_header": "x-flow-src-app"}],"#;
const PRESET: &str = r#""identity": "envoy","#;

#[test]
fn certificates_name_both_ends_on_both_sides() {
    for side in ["source", "destination", "both"] {
        let mesh = named_by("\"spiffe\"").everyone_reports(side).start();
        let sent = send(&mesh);
        mesh.ends_with(&Totals::of([("frontend.shop", "backend.shop", sent)]));
    }
}

#[test]
fn a_template_says_how_a_certificate_becomes_a_name() {
    let template = r#"{"spiffe": "{trust_domain}/{namespace}/{service_account}"}"#;
    let mesh = named_by(template).everyone_reports("both").start();
    let sent = send(&mesh);
    let [frontend, backend] = ["frontend", "backend"].map(|app| format!("mesh.example/shop/{app}"));
    mesh.ends_with(&Totals::of([(&frontend, &backend, sent)]));
}

#[test]
fn without_certificates_the_preset_knows_what_it_can() {
    let mesh = unsecured("\"spiffe\"").everyone_reports("both").start();
    let (http, tcp) = (mesh.http().get(1_000), mesh.tcp().exchange(10, 20));
    // The source knows the cluster; the destination cannot know who calls.
    mesh.ends_with(&Totals::of([
        ("frontend", "backend", http),
        ("frontend", "backend-tcp", tcp),
        ("_unknown", "backend", http + tcp),
    ]));
}

#[test]
fn plain_envoys_name_endpoints_by_their_metadata_and_nodes_by_their_cluster() {
    let endpoint =
        "- endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 15006 } } }";
    let with_metadata = format!(
        "{endpoint}\n          metadata: {{ filter_metadata: {{ flow: {{ app: reviews }} }} }}"
    );
    let tcp_cluster = "  - name: backend-tcp\n";
    let mesh = unsecured("\"envoy\"")
        .edit_frontend(endpoint, &with_metadata)
        .edit_frontend(
            tcp_cluster,
            &format!(
                "{tcp_cluster}    metadata: {{ filter_metadata: {{ flow: {{ app: ledger }} }} }}\n"
            ),
        )
        .edit_frontend("    app: frontend ", "    unused: x ")
        .edit_frontend("  cluster: frontend\n", "  cluster: storefront\n")
        .start();
    let (http, tcp) = (mesh.http().get(1_000), mesh.tcp().exchange(10, 20));
    mesh.ends_with(&Totals::of([("storefront", "reviews", http), ("storefront", "ledger", tcp)]));
}

/// Some of each, checked against the access logs of both sides.
fn send(mesh: &Mesh) -> Bytes {
    let client = mesh.http();
    let http = client.get(54_321) + client.post(2_000);
    let tcp = mesh.tcp().exchange(11_111, 222_222) + mesh.tcp().exchange(3, 0);
    assert_eq!(mesh.backend().access_log("inbound_http").bytes_of(2), http);
    assert_eq!(mesh.backend().access_log("inbound_tcp").bytes_of(2), tcp);
    http + tcp
}

fn named_by(identity: &str) -> Plan {
    unsecured(identity).secured()
}

/// The samples with another preset, and nothing else about names.
fn unsecured(identity: &str) -> Plan {
    let preset = format!(r#""identity": {identity},"#);
    Mesh::plan()
        .edit_frontend(PRESET, &preset)
        .edit_backend(TRUSTED_HEADER, "")
        .edit_backend(CALLER, "")
        .edit_backend(PRESET, &preset)
}
