//! `Resources`: the files of `envoy/istio`, and what Istio makes of them in a sidecar.
//!
//! As read in Istio's sources (`pilot/pkg/model/extensions.go`, `pilot/pkg/networking`, 1.24 to
//! 1.29): a WasmPlugin's `pluginConfig` becomes JSON in a `StringValue`; its filter is named
//! NAMESPACE.NAME and has a VM without an id; in phase AUTHN it comes before Istio's own filters.

use std::fs;

use serde_json::{Value, json};

use crate::programs;
use crate::sample::Sample;

/// Where the files say the module is.
const MOUNTED_FILTER: &str = "/etc/flow-filter/flow_filter.wasm";

/// The files of `envoy/istio`, changed as an operator would change them.
#[derive(Clone)]
pub struct Resources(Vec<Sample>);

impl Resources {
    /// The files of `envoy/istio` as they are.
    pub fn load() -> Self {
        let files = fs::read_dir(programs::istio_samples()).expect("there is envoy/istio");
        let mut paths: Vec<_> = files.map(|file| file.expect("it can be listed").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
        paths.sort();
        Self(paths.iter().map(|path| Sample::read(path)).collect())
    }

    /// Without the file `name`.
    pub fn without(mut self, name: &str) -> Self {
        let before = self.0.len();
        self.0.retain(|sample| sample.name() != name);
        assert!(self.0.len() < before, "there is no {name}");
        self
    }

    /// Puts `new` in place of `old` in the file `name`.
    pub fn put(self, name: &str, old: &str, new: &str) -> Self {
        assert!(self.0.iter().any(|sample| sample.name() == name), "there is no {name}");
        let put =
            |sample: Sample| if sample.name() == name { sample.put(old, new) } else { sample };
        Self(self.0.into_iter().map(put).collect())
    }

    /// Has the filters push every `interval_ms`, so that tests are quick.
    pub fn push_interval_ms(self, interval_ms: u32) -> Self {
        let new = format!("interval_ms: {interval_ms}");
        let json = format!("\"interval_ms\": {interval_ms}");
        self.put("http-filter.yaml", "interval_ms: 5000", &new).put(
            "tcp-filter.yaml",
            "\"interval_ms\": 5000",
            &json,
        )
    }

    /// The documents of the file `name`.
    pub fn documents_of(&self, name: &str) -> Vec<Value> {
        let sample = self.0.iter().find(|sample| sample.name() == name);
        parse(sample.unwrap_or_else(|| panic!("there is no {name}")))
    }

    /// The documents of a kind, of all files.
    pub fn of_kind(&self, kind: &str) -> Vec<Value> {
        let documents = self.0.iter().flat_map(parse);
        documents.filter(|document| document["kind"] == kind).collect()
    }

    /// A sidecar's configuration with what Istio makes of the resources. The service of the
    /// aggregator, and whatever stands in its place, is at `aggregator_port`.
    pub fn apply(&self, sidecar: &Sample, aggregator_port: u16) -> Sample {
        let mut bootstrap: Value = parse(sidecar).remove(0);
        let workload = self.documents_of("workload.yaml").remove(0);
        let labels = workload["spec"]["template"]["metadata"]["labels"].as_object();
        let own = &mut bootstrap["node"]["metadata"]["LABELS"];
        for (name, value) in labels.into_iter().flatten() {
            own[name] = value.clone();
        }
        for filter in self.of_kind("EnvoyFilter") {
            apply_envoy_filter(&filter, &mut bootstrap, aggregator_port);
        }
        for plugin in self.of_kind("WasmPlugin") {
            apply_wasm_plugin(&plugin, &mut bootstrap);
        }
        for service in self.of_kind("Service") {
            clusters(&mut bootstrap).push(service_cluster(&service, aggregator_port));
        }
        let text = serde_saphyr::to_string(&bootstrap).expect("it can be written");
        let filter = programs::filter().display().to_string();
        Sample::of(sidecar.name(), &text.replace(MOUNTED_FILTER, &filter))
    }
}

/// The configuration that Istio makes of a WasmPlugin.
pub fn plugin_config(plugin: &Value) -> Value {
    let spec = &plugin["spec"];
    let text = |field: &str| spec[field].as_str().unwrap_or_default();
    let policy = match text("failStrategy") {
        "FAIL_OPEN" => "FAIL_OPEN",
        "FAIL_RELOAD" => "FAIL_RELOAD",
        _ => "FAIL_CLOSED",
    };
    let file = text("url").strip_prefix("file://").expect("the module is in a file");
    let name = plugin["metadata"]["name"].as_str().expect("a resource has a name");
    json!({
        "name": format!("default.{name}"),
        "root_id": text("pluginName"),
        "failure_policy": policy,
        "configuration": {
            "@type": "type.googleapis.com/google.protobuf.StringValue",
            "value": spec["pluginConfig"].to_string(),
        },
        "vm_config": {
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": file}},
            "environment_variables": {
                "key_values": {"ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION": "1"},
            },
        },
    })
}

fn parse(sample: &Sample) -> Vec<Value> {
    serde_saphyr::from_multiple(sample.text())
        .unwrap_or_else(|error| panic!("{} is not YAML: {error}", sample.name()))
}

fn apply_envoy_filter(filter: &Value, bootstrap: &mut Value, aggregator_port: u16) {
    if !selects(&filter["spec"]["workloadSelector"]["labels"], bootstrap) {
        return;
    }
    for patch in filter["spec"]["configPatches"].as_array().expect("an EnvoyFilter has patches") {
        let value = patch["patch"]["value"].clone();
        let kind = (patch["applyTo"].as_str(), patch["patch"]["operation"].as_str());
        match kind {
            (Some("NETWORK_FILTER"), Some("INSERT_BEFORE")) => {
                insert_before(&patch["match"], &value, bootstrap);
            }
            (Some("CLUSTER"), Some("ADD")) => {
                clusters(bootstrap).push(at_port(value, aggregator_port))
            }
            other => panic!("nobody here applies {other:?}"),
        }
    }
}

/// Puts a network filter before the one that `place` names, wherever it stands.
fn insert_before(place: &Value, value: &Value, bootstrap: &mut Value) {
    let direction = match place["context"].as_str() {
        Some("SIDECAR_OUTBOUND") => "OUTBOUND",
        Some("SIDECAR_INBOUND") => "INBOUND",
        other => panic!("nobody here knows the context {other:?}"),
    };
    let name = &place["listener"]["filterChain"]["filter"]["name"];
    for filters in filter_chains(bootstrap, direction) {
        if let Some(index) = filters.iter().position(|filter| filter["name"] == *name) {
            filters.insert(index, value.clone());
        }
    }
}

fn apply_wasm_plugin(plugin: &Value, bootstrap: &mut Value) {
    if !selects(&plugin["spec"]["selector"]["matchLabels"], bootstrap) {
        return;
    }
    assert_eq!(plugin["spec"]["phase"], "AUTHN", "nobody here knows where else to put it");
    let config = plugin_config(plugin);
    let filter = json!({
        "name": config["name"],
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": config,
        },
    });
    for direction in ["OUTBOUND", "INBOUND"] {
        for filters in filter_chains(bootstrap, direction) {
            for manager in filters {
                let http = manager["typed_config"].get_mut("http_filters");
                if let Some(http) = http.and_then(Value::as_array_mut) {
                    http.insert(0, filter.clone());
                }
            }
        }
    }
}

/// The network filters of each filter chain of the listeners in one direction.
fn filter_chains<'b>(
    bootstrap: &'b mut Value,
    direction: &'b str,
) -> impl Iterator<Item = &'b mut Vec<Value>> {
    let listeners = bootstrap["static_resources"]["listeners"].as_array_mut();
    let listeners = listeners.into_iter().flatten();
    listeners
        .filter(move |listener| listener["traffic_direction"] == direction)
        .filter_map(|listener| listener["filter_chains"].as_array_mut())
        .flatten()
        .filter_map(|chain| chain["filters"].as_array_mut())
}

/// The cluster that Istio makes of a service.
fn service_cluster(service: &Value, port: u16) -> Value {
    let text = |pointer: &str| service.pointer(pointer).and_then(Value::as_str).expect("a text");
    let (name, namespace) = (text("/metadata/name"), text("/metadata/namespace"));
    let service_port = &service["spec"]["ports"][0]["port"];
    let cluster = format!("outbound|{service_port}||{name}.{namespace}.svc.cluster.local");
    at_port(
        json!({
            "name": cluster,
            "type": "STATIC",
            "load_assignment": {
                "cluster_name": cluster,
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": {}}}}]}],
            },
        }),
        port,
    )
}

/// A cluster with its one endpoint on this machine.
fn at_port(mut cluster: Value, port: u16) -> Value {
    let path = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address";
    *cluster.pointer_mut(path).expect("a cluster has an endpoint") =
        json!({"address": "127.0.0.1", "port_value": port});
    cluster
}

fn clusters(bootstrap: &mut Value) -> &mut Vec<Value> {
    let clusters = bootstrap["static_resources"]["clusters"].as_array_mut();
    clusters.expect("a sidecar has clusters")
}

/// Whether a sidecar has all of these labels. Without any, a resource is for all.
fn selects(labels: &Value, bootstrap: &Value) -> bool {
    let own = &bootstrap["node"]["metadata"]["LABELS"];
    labels.as_object().into_iter().flatten().all(|(name, value)| own[name] == *value)
}
