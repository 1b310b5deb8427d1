//! The presets: one configuration for all listeners of a sidecar, and the names that it gives on
//! either side.

use flow_filter::config::Config;
use flow_filter::identity::{Findings, Identity, View};
use flow_model::Reporter::{self, Destination, Source};
use serde_json::{Value, json};

use crate::attributes::Fake;

/// The names of a stream, and whether each is certain before the stream's end.
fn names(mode: &str, identity: Value, node: &Fake, side: Reporter, stream: &Fake) -> [String; 3] {
    let config = json!({"mode": mode, "report": "both", "identity": identity,
                        "push": {"cluster": "c"}});
    let config = Config::parse(config.to_string().as_bytes()).unwrap();
    let mut identity = Identity::new(config.mode, &config.names, node);
    let mut findings = Findings::default();
    identity
        .find(&mut findings, &View { attributes: stream, side, is_answered: false, headers: &[] });
    let key = identity.key_of(&findings);
    [&key.src_app, &key.dest_app, &key.vpc_id].map(ToString::to_string)
}

fn istio_node() -> Fake {
    Fake::default()
        .with("xds.node.metadata.LABELS.app", "reviews")
        .with("xds.node.metadata.NAMESPACE", "shop")
        .with("xds.node.metadata.CLUSTER_ID", "east")
        .with("xds.node.metadata.WORKLOAD_NAME", "reviews-v1")
}

const CLUSTER: &str = "outbound|9080||ratings.shop.svc.cluster.local";

#[test]
fn istio_takes_the_best_that_is_known_of_the_callee() {
    let stream = Fake::outbound().with("xds.cluster_name", CLUSTER);
    let dest_app = |stream: &Fake| {
        let [src_app, dest_app, vpc_id] =
            names("http", json!("istio"), &istio_node(), Source, stream);
        assert_eq!((&*src_app, &*vpc_id), ("reviews.shop", "east"));
        dest_app
    };
    assert_eq!(dest_app(&stream), "ratings.shop");
    // Endpoints of a service may belong to different workloads, which discovery tells apart.
    let endpoint = "xds.upstream_host_metadata.filter_metadata.istio.workload";
    stream.set(endpoint, "ratings-v2;shop;ratings-canary;v2;east");
    assert_eq!(dest_app(&stream), "ratings-canary.shop");
    stream
        .set("filter_state.wasm.upstream_peer.labels.service.istio.io/canonical-name.value", "old");
    stream.set("filter_state.wasm.upstream_peer.namespace", "shop");
    assert_eq!(dest_app(&stream), "old.shop");
    stream.set("filter_state.upstream_peer.service", "new");
    stream.set("filter_state.upstream_peer.namespace", "shop");
    assert_eq!(dest_app(&stream), "new.shop");
    stream.set("upstream_filter_state.upstream_peer.service", "tcp");
    stream.set("upstream_filter_state.upstream_peer.namespace", "shop");
    assert_eq!(dest_app(&stream), "tcp.shop");
}

#[test]
fn istio_clusters_that_stand_for_no_service_keep_their_names() {
    for (cluster, expected) in [
        ("outbound|443||api.example.com", "api.example.com"),
        ("PassthroughCluster", "PassthroughCluster"),
        ("BlackHoleCluster", "BlackHoleCluster"),
        ("xds-grpc", "xds-grpc"),
    ] {
        let stream = Fake::outbound().with("xds.cluster_name", cluster);
        let [_, dest_app, _] = names("tcp", json!("istio"), &istio_node(), Source, &stream);
        assert_eq!(dest_app, expected);
    }
}

#[test]
fn istio_knows_the_caller_by_its_metadata_or_its_certificate() {
    let stream = Fake::inbound().with("xds.cluster_name", "inbound|9080||");
    let of = |stream: &Fake| names("tcp", json!("istio"), &istio_node(), Destination, stream);
    assert_eq!(of(&stream), ["_unknown", "reviews.shop", "east"]);
    let san = "connection.uri_san_peer_certificate";
    stream.set(san, "spiffe://cluster.local/ns/web/sa/productpage");
    assert_eq!(of(&stream)[0], "productpage.web");
    stream.set("filter_state.downstream_peer.service", "gateway");
    stream.set("filter_state.downstream_peer.namespace", "edge");
    assert_eq!(of(&stream)[0], "gateway.edge");
}

#[test]
fn istio_names_a_workload_without_labels_by_its_workload() {
    let node = Fake::default().with("xds.node.metadata.WORKLOAD_NAME", "job");
    let stream = Fake::outbound();
    assert_eq!(
        names("http", json!("istio"), &node, Source, &stream),
        ["job", "_unknown", "_unknown"]
    );
    for (label, expected) in [
        ("app", "a.ns"),
        ("app.kubernetes.io/name", "b.ns"),
        ("service.istio.io/canonical-name", "c.ns"),
    ] {
        node.set("xds.node.metadata.NAMESPACE", "ns");
        node.set(&format!("xds.node.metadata.LABELS.{label}"), &expected[..1]);
        assert_eq!(names("http", json!("istio"), &node, Source, &stream)[0], expected);
    }
}

#[test]
fn spiffe_names_both_sides_by_their_certificates() {
    let (own, peer) =
        ("spiffe://mesh.example/ns/shop/sa/cart", "spiffe://mesh.example/billing/pay");
    let outbound = Fake::outbound()
        .with("upstream.uri_san_local_certificate", own)
        .with("upstream.uri_san_peer_certificate", peer);
    let inbound = Fake::inbound()
        .with("connection.uri_san_local_certificate", own)
        .with("connection.uri_san_peer_certificate", peer);
    let node = Fake::default();
    assert_eq!(
        names("tcp", json!("spiffe"), &node, Source, &outbound),
        ["cart.shop", "billing/pay", "mesh.example"]
    );
    assert_eq!(
        names("tcp", json!("spiffe"), &node, Destination, &inbound),
        ["billing/pay", "cart.shop", "mesh.example"]
    );
    let template = json!({"spiffe": "{trust_domain}/{path}"});
    assert_eq!(names("tcp", template, &node, Source, &outbound)[1], "mesh.example/billing/pay");
}

#[test]
fn envoy_names_the_callee_by_its_endpoint_or_cluster() {
    let node = Fake::default()
        .with("xds.node.cluster", "frontend")
        .with("xds.node.metadata.vpc_id", "vpc-1");
    let stream = Fake::outbound().with("xds.cluster_name", "backend-v2");
    let of = |stream: &Fake| names("http", json!("envoy"), &node, Source, stream);
    assert_eq!(of(&stream), ["frontend", "backend-v2", "vpc-1"]);
    stream.set("xds.cluster_metadata.filter_metadata.flow.app", "backend");
    assert_eq!(of(&stream)[1], "backend");
    stream.set("xds.upstream_host_metadata.filter_metadata.flow.app", "backend-canary");
    assert_eq!(of(&stream)[1], "backend-canary");
    node.set("xds.node.metadata.app", "shop-frontend");
    assert_eq!(names("http", json!("envoy"), &node, Source, &stream)[0], "shop-frontend");
}

#[test]
fn headers_are_believed_on_the_listeners_that_are_named_only() {
    for (trust, sides) in [
        ("inbound", vec![Destination]),
        ("outbound", vec![Source]),
        ("both", vec![Source, Destination]),
    ] {
        let config = json!({"mode": "http", "identity": "envoy", "trust_request_headers": trust,
                            "src_app": [{"request_header": "x-app"}, {"literal": "other"}],
                            "push": {"cluster": "c"}});
        let config = Config::parse(config.to_string().as_bytes()).unwrap();
        let mut identity = Identity::new(config.mode, &config.names, &Fake::default());
        let attributes = Fake::default().with("header.x-app", "claimed");
        let headers = identity.headers(&attributes);
        for side in Reporter::ALL {
            let mut findings = Findings::default();
            let view =
                View { attributes: &attributes, side, is_answered: false, headers: &headers };
            identity.find(&mut findings, &view);
            let expected = if sides.contains(&side) { "claimed" } else { "other" };
            assert_eq!(identity.key_of(&findings).src_app.as_str(), expected, "{trust} {side}");
        }
    }
}
