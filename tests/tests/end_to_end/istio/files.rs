//! What must hold between the files of `envoy/istio`, and within each.

use std::path::Path;
use std::process::Command;

use flow_filter::config::{Config, Mode};
use flow_tests::istio::{Resources, bootstrap};
use flow_tests::programs;
use serde_json::Value;

/// The kinds of resources, of which each belongs to an API.
const KINDS: &[(&str, &str)] = &[
    ("DestinationRule", "networking.istio.io/v1"),
    ("EnvoyFilter", "networking.istio.io/v1alpha3"),
    ("Namespace", "v1"),
    ("PeerAuthentication", "security.istio.io/v1"),
    ("Service", "v1"),
    ("Telemetry", "telemetry.istio.io/v1"),
    ("WasmPlugin", "extensions.istio.io/v1alpha1"),
];

/// What marks the pods that have the filter.
const SELECTED: &str = r#"{"flow-filter":"enabled"}"#;

#[test]
fn every_document_is_a_resource() {
    let resources = Resources::load();
    for (kind, version) in KINDS {
        let documents = resources.of_kind(kind);
        assert!(!documents.is_empty(), "no {kind}");
        for document in documents {
            assert_eq!(document["apiVersion"], *version, "{document}");
            assert!(document["metadata"]["name"].is_string(), "{document}");
        }
    }
}

#[test]
fn envoy_finds_what_istio_makes_of_them_valid() {
    let one_aggregator = [
        Resources::load().without("aggregator-cluster.yaml"),
        Resources::load().without("aggregator.yaml"),
    ];
    for resources in one_aggregator {
        let sidecar = resources.apply(&bootstrap("reviews"), 8080);
        // Two HTTP connection managers, and three filter chains with a TCP proxy.
        assert_eq!(sidecar.count("envoy.extensions.filters.http.wasm.v3.Wasm"), 2);
        assert_eq!(sidecar.count("envoy.extensions.filters.network.wasm.v3.Wasm"), 3);
        let directory = tempfile::tempdir().expect("a directory can be made");
        let path = directory.path().join("sidecar.yaml");
        sidecar.write(&path);
        validate(&path);
    }
}

fn validate(path: &Path) {
    let mut envoy = Command::new(programs::envoy());
    envoy.args(["--mode", "validate", "--reject-unknown-dynamic-fields", "--config-path"]);
    let output = envoy.arg(path).output().expect("Envoy can be started");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
}

#[test]
fn the_filters_have_the_same_settings_but_for_the_mode() {
    let resources = Resources::load();
    let mut http = resources.of_kind("WasmPlugin").remove(0)["spec"]["pluginConfig"].clone();
    assert_eq!(accept(&http).mode, Mode::Http);
    http["mode"] = "tcp".into();
    let tcp = tcp_filters(&resources);
    assert_eq!(tcp.len(), 2, "outbound and inbound");
    for filter in tcp {
        let text = filter["configuration"]["value"].as_str().expect("JSON, as a string");
        let settings: Value = serde_json::from_str(text).expect("it is JSON");
        assert_eq!(accept(&settings).mode, Mode::Tcp);
        assert_eq!(settings, http);
    }
}

/// The filter takes these settings, and so does their schema.
fn accept(settings: &Value) -> Config {
    let schema = programs::tests_directory().join("../plugin/config.schema.json");
    let schema = std::fs::read_to_string(schema).expect("the schema can be read");
    let schema: Value = serde_json::from_str(&schema).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    assert!(validator.is_valid(settings), "{:?}", validator.validate(settings));
    let config = Config::parse(settings.to_string().as_bytes());
    config.unwrap_or_else(|error| panic!("{settings}: {error}"))
}

#[test]
fn a_filter_that_fails_never_stops_traffic() {
    let resources = Resources::load();
    assert_eq!(resources.of_kind("WasmPlugin")[0]["spec"]["failStrategy"], "FAIL_OPEN");
    for filter in tcp_filters(&resources) {
        assert_eq!(filter["failure_policy"], "FAIL_RELOAD");
    }
}

#[test]
fn only_pods_that_mount_the_module_are_selected() {
    let resources = Resources::load();
    let pod = resources.documents_of("workload.yaml").remove(0)["spec"]["template"].take();
    let labels = &pod["metadata"]["labels"];
    assert_eq!(labels.to_string(), SELECTED);
    let selectors = ["WasmPlugin", "Telemetry"].map(|kind| (kind, "/spec/selector/matchLabels"));
    for (kind, selector) in
        selectors.into_iter().chain([("EnvoyFilter", "/spec/workloadSelector/labels")])
    {
        for resource in resources.of_kind(kind) {
            assert_eq!(resource.pointer(selector), Some(labels), "{resource}");
        }
    }

    let annotation = |name: &str| {
        let text = pod["metadata"]["annotations"][name].as_str().expect("an annotation is text");
        serde_json::from_str::<Value>(text).expect("it is JSON")
    };
    let volume = annotation("sidecar.istio.io/userVolume");
    let mount = annotation("sidecar.istio.io/userVolumeMount");
    assert_eq!(volume["flow-filter"]["configMap"]["name"], "flow-filter");
    let directory = mount["flow-filter"]["mountPath"].as_str().expect("a path");
    let module = format!("{directory}/flow_filter.wasm");
    let plugin = resources.of_kind("WasmPlugin").remove(0);
    assert_eq!(plugin["spec"]["url"], format!("file://{module}"));
    for filter in tcp_filters(&resources) {
        assert_eq!(filter["vm_config"]["code"]["local"]["filename"], module);
    }
}

/// Istio kills a sidecar after its drain, so that what has been counted must have been pushed.
#[test]
fn a_sidecar_that_ends_has_time_for_two_pushes_and_an_answer() {
    let resources = Resources::load();
    let pod = resources.documents_of("workload.yaml").remove(0)["spec"]["template"].take();
    let proxy = pod["metadata"]["annotations"]["proxy.istio.io/config"].as_str().expect("text");
    let drain = proxy.trim().strip_prefix("terminationDrainDuration: ").expect("a drain");
    let drain: u64 = drain.strip_suffix('s').expect("seconds").parse().expect("a number");
    let settings = &resources.of_kind("WasmPlugin").remove(0)["spec"]["pluginConfig"];
    let push = accept(settings).push;
    assert!(drain * 1_000 >= 2 * push.interval_ms + push.timeout_ms, "{drain} s");
    let grace = pod["spec"]["terminationGracePeriodSeconds"].as_u64().expect("a number");
    assert!(grace > drain, "{grace} s");
}

/// The configurations of the network filters.
fn tcp_filters(resources: &Resources) -> Vec<Value> {
    let patches =
        resources.documents_of("tcp-filter.yaml").remove(0)["spec"]["configPatches"].take();
    let patches = patches.as_array().expect("there are patches").clone();
    let config = |patch: Value| patch["patch"]["value"]["typed_config"]["config"].clone();
    patches.into_iter().map(config).collect()
}
