//! Envoy's configuration for a set of cases: listeners, which can be taken away while it runs, and
//! the clusters behind them.

use std::path::Path;

use serde_json::{Value, json};

use super::script::Case;

/// How often Envoy's own loggers would tell of what goes on. A guest is only told of what has ended.
const FLUSH_INTERVAL: &str = "0.020s";

/// The ports that the configuration names.
pub struct Ports {
    /// The admin page.
    pub admin: u16,
    /// The server behind the proxy.
    pub upstream: u16,
    /// The same over HTTP/2.
    pub http2_upstream: u16,
    /// The server for gRPC.
    pub grpc: u16,
    /// Servers that guests call: one that answers, one that hangs, one that resets, one that is
    /// not there.
    pub called: [u16; 4],
}

/// A case with what it is called and where it listens.
pub struct Placed<'a> {
    /// The case.
    pub case: &'a Case,
    /// The name of its plugin and of its VM.
    pub key: String,
    /// A port for each listener.
    pub ports: Vec<u16>,
}

/// The configuration but for the listeners, which are read from `listeners`.
pub fn bootstrap(ports: &Ports, listeners: &Path) -> Value {
    let [calls, hang, reset, refused] = ports.called;
    json!({
        "node": {
            "id": "fid-node",
            "cluster": "fid-cluster",
            "metadata": super::node_metadata(),
        },
        "admin": { "address": address(ports.admin) },
        "dynamic_resources": {
            "lds_config": { "path_config_source": { "path": listeners } },
        },
        "static_resources": { "clusters": [
            cluster("upstream", Some(ports.upstream), false),
            cluster("http2-upstream", Some(ports.http2_upstream), true),
            cluster("grpc", Some(ports.grpc), true),
            cluster("calls", Some(calls), false),
            cluster("hang", Some(hang), false),
            cluster("reset", Some(reset), false),
            cluster("refused", Some(refused), false),
            cluster("empty", None, false),
        ] },
    })
}

/// The listeners of these cases, but for the first ones, as many as are said.
pub fn listeners<'a>(
    cases: impl Iterator<Item = (&'a Placed<'a>, usize)>,
    directory: &Path,
) -> Value {
    let listeners: Vec<Value> = cases
        .flat_map(|(placed, first)| (first..placed.case.kinds.len()).map(move |at| (placed, at)))
        .map(|(placed, at)| listener(placed, at, directory))
        .collect();
    json!({ "resources": listeners })
}

fn address(port: u16) -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } })
}

fn cluster(name: &str, port: Option<u16>, is_http2: bool) -> Value {
    let protocol = match is_http2 {
        true => json!({ "http2_protocol_options": {} }),
        false => json!({ "http_protocol_options": { "enable_trailers": true } }),
    };
    let endpoints: Vec<Value> =
        port.into_iter().map(|port| json!({ "endpoint": { "address": address(port) } })).collect();
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": endpoints }] },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                // A connection for each request, so that a test knows which is which.
                "common_http_protocol_options": { "max_requests_per_connection": 1 },
                "explicit_http_config": protocol,
            },
        },
    })
}

fn wasm(placed: &Placed<'_>, at: usize, directory: &Path) -> Value {
    let plugins = &placed.case.plugins;
    let (root_id, configuration) = &plugins[at.min(plugins.len() - 1)];
    let string = |value: &str| json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": value });
    let mut config = json!({
        "name": placed.key,
        "root_id": root_id,
        "failure_policy": placed.case.policy,
        "configuration": string(configuration),
        "vm_config": {
            "vm_id": placed.key,
            "runtime": "envoy.wasm.runtime.v8",
            "code": { "local": { "filename": directory.join(format!("{}.wasm", placed.key)) } },
        },
    });
    if !placed.case.vm_configuration.is_empty() {
        config["vm_config"]["configuration"] = string(&placed.case.vm_configuration);
    }
    config
}

fn filter(kind: &str, config: &Value) -> Value {
    let types = "type.googleapis.com/envoy.extensions";
    let kind = format!("{types}.{kind}.v3.Wasm");
    json!({ "name": "wasm", "typed_config": { "@type": kind, "config": config } })
}

fn logger(config: &Value) -> Value {
    let kind = "type.googleapis.com/envoy.extensions.access_loggers.wasm.v3.WasmAccessLog";
    json!({
        "name": "envoy.access_loggers.wasm",
        "typed_config": { "@type": kind, "config": config },
    })
}

fn listener(placed: &Placed<'_>, at: usize, directory: &Path) -> Value {
    let config = wasm(placed, at, directory);
    let kind = placed.case.kinds[at].as_str();
    let loggers = if kind.ends_with("_logger") { json!([logger(&config)]) } else { json!([]) };
    let filters = if kind.starts_with("tcp") {
        let ours = (kind == "tcp").then(|| filter("filters.network.wasm", &config));
        let mut filters: Vec<Value> = ours.into_iter().collect();
        filters.push(tcp_proxy(&placed.key, &loggers));
        filters
    } else {
        let ours = (kind == "http").then(|| filter("filters.http.wasm", &config));
        vec![connection_manager(placed, &loggers, ours)]
    };
    json!({
        "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
        "name": format!("{}-{at}", placed.key),
        "traffic_direction": "OUTBOUND",
        "address": address(placed.ports[at]),
        "filter_chains": [{ "filters": filters }],
    })
}

fn tcp_proxy(key: &str, loggers: &Value) -> Value {
    json!({
        "name": "envoy.filters.network.tcp_proxy",
        "typed_config": {
            "@type":
                "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": key,
            "cluster": "upstream",
            "access_log": loggers,
            "access_log_options": { "access_log_flush_interval": FLUSH_INTERVAL },
        },
    })
}

fn connection_manager(placed: &Placed<'_>, loggers: &Value, ours: Option<Value>) -> Value {
    let cluster = if placed.case.http2.server { "http2-upstream" } else { "upstream" };
    let router = json!({
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            "suppress_envoy_headers": true,
        },
    });
    let filters: Vec<Value> = ours.into_iter().chain([router]).collect();
    json!({
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": placed.key,
            "generate_request_id": false,
            "http_protocol_options": { "enable_trailers": true },
            "route_config": {
                "name": "a-route-config",
                "virtual_hosts": [{
                    "name": "a-host",
                    "domains": ["*"],
                    "routes": [{
                        "name": "a-route",
                        "match": { "prefix": "/" },
                        "route": { "cluster": cluster, "timeout": "0s" },
                    }],
                }],
            },
            "http_filters": filters,
            "access_log": loggers,
            "access_log_options": { "access_log_flush_interval": FLUSH_INTERVAL },
        },
    })
}
