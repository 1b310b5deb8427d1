//! The resources of `envoy/istio`, as Istio would apply them, in sidecars with Istio's names and
//! metadata. The official Envoy has no metadata exchange: peers are known by discovery and by the
//! names of clusters.

#[path = "istio/files.rs"]
mod files;

use std::process::Command;

use flow_tests::deadline::wait_for;
use flow_tests::istio::{IstioMesh, Resources};
use flow_tests::{Bytes, Totals, programs};

/// The network of the rows: the sidecars have none, so it is the cluster of Kubernetes.
const VPC: &str = "Kubernetes";

/// The files as they are, with an aggregator in the mesh; only pushing more often.
fn resources() -> Resources {
    Resources::load().without("aggregator-cluster.yaml").push_interval_ms(200)
}

fn rows<const N: usize>(rows: [(&str, &str, Bytes); N]) -> Totals {
    let mut totals = Totals::default();
    for (source, destination, bytes) in rows {
        totals.add((source.to_owned(), destination.to_owned(), VPC.to_owned()), bytes);
    }
    totals
}

/// These rows and no others, also after the sidecars have ended. A push that was counted would be
/// a row more.
fn ends_with(mut mesh: IstioMesh, expected: &Totals) {
    mesh.fas().wait_for_totals(expected);
    mesh.stop_sidecars();
    assert_eq!(mesh.fas().totals().as_ref(), Ok(expected), "after the sidecars have ended");
}

#[test]
fn rows_have_the_names_of_services_and_their_namespaces() {
    let mesh = IstioMesh::start(&resources());
    let http = mesh.http().get(10_000) + mesh.http().upload(3_000);
    let tcp = mesh.tcp().exchange(500, 700);
    let elsewhere = mesh.elsewhere().exchange(20, 30);
    ends_with(
        mesh,
        &rows([
            ("productpage.default", "reviews.default", http),
            ("productpage.default", "reviews-db.default", tcp),
            ("productpage.default", "PassthroughCluster", elsewhere),
        ]),
    );
}

#[test]
fn the_side_that_is_called_can_report() {
    let mesh = IstioMesh::start(
        &resources().put("http-filter.yaml", "report: source", "report: destination").put(
            "tcp-filter.yaml",
            "\"report\": \"source\"",
            "\"report\": \"destination\"",
        ),
    );
    // Without metadata exchange and without mutual TLS, nothing says who calls.
    let sent = mesh.http().get(10_000) + mesh.tcp().exchange(500, 700);
    ends_with(mesh, &rows([("_unknown", "reviews.default", sent)]));
}

#[test]
fn the_aggregator_can_have_a_cluster_of_its_own() {
    const SERVICE: &str = "outbound|8080||flow-aggregator.flow-system.svc.cluster.local";
    const AUTHORITY: &str = "flow-aggregator.flow-system.svc.cluster.local:8080";
    let mesh = IstioMesh::start(
        &Resources::load()
            .without("aggregator.yaml")
            .push_interval_ms(200)
            .put("http-filter.yaml", SERVICE, "flow_aggregator")
            .put("http-filter.yaml", &format!("authority: {AUTHORITY}"), "timeout_ms: 5000")
            .put("tcp-filter.yaml", SERVICE, "flow_aggregator")
            .put("tcp-filter.yaml", &format!("\"authority\": \"{AUTHORITY}\","), ""),
    );
    let http = mesh.http().get(10_000);
    let tcp = mesh.tcp().exchange(500, 700);
    ends_with(
        mesh,
        &rows([
            ("productpage.default", "reviews.default", http),
            ("productpage.default", "reviews-db.default", tcp),
        ]),
    );
}

#[test]
fn a_pod_without_the_label_has_no_filter() {
    let unlabelled = resources().put("workload.yaml", "flow-filter: enabled", "other: enabled");
    let mesh = IstioMesh::start(&unlabelled);
    mesh.http().get(10_000);
    mesh.tcp().exchange(500, 700);
    let dump = mesh.productpage().admin("/config_dump");
    assert!(!dump.contains("flow_filter"), "{dump}");
    ends_with(mesh, &Totals::default());
}

#[test]
fn what_an_envoy_that_quits_could_not_push_is_replayed_from_its_log() {
    let mut mesh = IstioMesh::start(&resources());
    mesh.fas_mut().stop();
    let http = mesh.http().get(10_000);
    let tcp = mesh.tcp().exchange(500, 700);
    mesh.productpage_mut().quit();
    mesh.fas_mut().restart();
    let directory = tempfile::tempdir().expect("a directory can be made");
    let log = directory.path().join("istio-proxy.log");
    std::fs::write(&log, mesh.productpage().log()).expect("a file can be written");
    let mut replay = Command::new(programs::fas());
    replay.args(["import", "--spill", "--url", &mesh.fas().url()]).arg(log);
    assert!(replay.status().is_ok_and(|status| status.success()), "the replay fails");
    ends_with(
        mesh,
        &rows([
            ("productpage.default", "reviews.default", http),
            ("productpage.default", "reviews-db.default", tcp),
        ]),
    );
}

#[test]
fn istios_choice_of_statistics_has_the_filters_metrics() {
    let mesh = IstioMesh::start(&resources());
    let http = mesh.http().get(10_000);
    mesh.fas().wait_for_totals(&rows([("productpage.default", "reviews.default", http)]));
    wait_for("the metrics to be told", || {
        let shown = mesh.productpage().admin("/stats/prometheus");
        // Of what Istio leaves out, there is nothing.
        assert!(!shown.contains("envoy_cluster_upstream_rq"), "{shown}");
        let bytes = format!("flow_filter_bytes{{}} {}\n", http.tx + http.rx);
        let delivered = "flow_filter_batches_delivered{} 1\n";
        if shown.contains(&bytes) && shown.contains(delivered) { Ok(()) } else { Err(shown) }
    });
}
