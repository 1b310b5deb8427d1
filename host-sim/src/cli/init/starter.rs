//! Tries a module out, and writes a scenario of what it took.

use std::{collections::BTreeSet, path::Path};

use host_sim::{
    Cluster, Direction, Document, EventKind, Host, HostBuilder, Peer, Plugin, Properties, Reply,
    SECOND_NS, Timestamp, pairs,
    runner::{self, Options},
};
use serde_json::Value;

use crate::cli::CliError;

/// When the scenario begins.
const START: &str = "2026-03-01T10:00:00Z";

/// The callbacks of which a plugin for connections takes at least one.
const OF_CONNECTIONS: [&str; 5] = [
    "proxy_on_new_connection",
    "proxy_on_downstream_data",
    "proxy_on_upstream_data",
    "proxy_on_downstream_connection_close",
    "proxy_on_upstream_connection_close",
];

/// The callbacks of which a plugin for requests takes at least one.
const OF_REQUESTS: [&str; 6] = [
    "proxy_on_request_headers",
    "proxy_on_request_body",
    "proxy_on_request_trailers",
    "proxy_on_response_headers",
    "proxy_on_response_body",
    "proxy_on_response_trailers",
];

/// What a module has callbacks for, and took without failing.
struct Tried {
    takes_connections: bool,
    takes_requests: bool,
    /// The clusters that it called.
    clusters: BTreeSet<String>,
}

/// A scenario that holds.
pub(super) fn scenario(
    plugin: &Plugin,
    path: &Path,
    configuration: &str,
) -> Result<String, CliError> {
    let clusters = try_out(plugin, configuration, &BTreeSet::new())?.clusters;
    // Once more, with someone to answer: that may lead it further.
    let tried = try_out(plugin, configuration, &clusters)?;
    let mut text = write(&tried, path, configuration);
    let expectations = observe(plugin, &text, &tried)?;
    text.push_str(&expectations);
    Ok(text)
}

/// Runs what is written so far, and expects what it did.
fn observe(plugin: &Plugin, text: &str, tried: &Tried) -> Result<String, CliError> {
    let scenario = Document::parse(text)?.only()?;
    let report = runner::run_plugin(&scenario, &Options::default(), plugin.clone())?;
    let count = |is_such: &dyn Fn(&EventKind) -> bool| {
        report.timeline.iter().filter(|event| is_such(&event.kind)).count()
    };
    let failures = count(&|kind| matches!(kind, EventKind::Trap { .. }));
    let lines = count(&|kind| matches!(kind, EventKind::Log { .. }));
    let mut expectations = format!(
        "  # What it did when this was written; say what it should do.\n\
         \x20 - expect: {{ failures: {failures} }}\n\
         \x20 - expect: {{ log: {{ count: {lines} }} }}\n"
    );
    for name in &tried.clusters {
        let calls = count(
            &|kind| matches!(kind, EventKind::CalloutSent { cluster, .. } if cluster == name),
        );
        let name = quoted(name);
        expectations +=
            &format!("  - expect: {{ callouts: {{ cluster: {name}, count: {calls} }} }}\n");
    }
    Ok(expectations)
}

fn builder(plugin: &Plugin, configuration: &str, clusters: &BTreeSet<String>) -> HostBuilder {
    let start = Timestamp::parse(START).unwrap_or_default();
    let builder =
        Host::builder(plugin.clone()).start_time(start).configuration(configuration.to_owned());
    clusters
        .iter()
        .fold(builder, |builder, cluster| builder.cluster(cluster, Cluster::reply(Reply::new(200))))
}

fn try_out(
    plugin: &Plugin,
    configuration: &str,
    clusters: &BTreeSet<String>,
) -> Result<Tried, CliError> {
    let mut found = clusters.clone();
    let mut attempt = |traffic: fn(&mut Host) -> Result<(), host_sim::HostError>| {
        let mut host = builder(plugin, configuration, clusters).start().map_err(|failure| {
            let hint = if configuration.is_empty() { "; --configuration gives it one" } else { "" };
            let mut text = format!("the plugin does not start: {failure}{hint}");
            for event in &failure.timeline {
                text.push_str(&format!("\n    {event}"));
            }
            CliError::Other(text)
        })?;
        let result = traffic(&mut host).and_then(|()| host.advance(10 * SECOND_NS));
        found.extend(host.callouts().iter().map(|call| call.cluster.clone()));
        let is_trap = |event: &host_sim::Event| matches!(event.kind, EventKind::Trap { .. });
        Ok::<bool, CliError>(result.is_ok() && !host.timeline().iter().any(is_trap))
    };
    let has_one_of = |names: &[&str]| names.iter().any(|name| plugin.exports(name));
    // An attempt also says whether the plugin starts, and which clusters it calls by itself.
    let takes_connections = attempt(connection)? && has_one_of(&OF_CONNECTIONS);
    let takes_requests = attempt(request)? && has_one_of(&OF_REQUESTS);
    Ok(Tried { takes_connections, takes_requests, clusters: found })
}

fn connection(host: &mut Host) -> Result<(), host_sim::HostError> {
    let stream = host.open_tcp(0, Properties::new())?;
    host.send(stream, Direction::FromDownstream, b"hello".to_vec(), false)?;
    host.send(stream, Direction::FromUpstream, vec![0; 100], false)?;
    host.close_tcp(stream, Peer::Remote)
}

fn request(host: &mut Host) -> Result<(), host_sim::HostError> {
    let headers = pairs([
        (":authority", "localhost"),
        (":method", "POST"),
        (":path", "/"),
        (":scheme", "http"),
    ]);
    let stream = host.open_http(0, Properties::new(), headers, false)?;
    host.send(stream, Direction::FromDownstream, b"hello".to_vec(), true)?;
    host.response_headers(stream, pairs([(":status", "200")]), false)?;
    host.send(stream, Direction::FromUpstream, vec![0; 100], true)?;
    host.finish_http(stream)
}

fn write(tried: &Tried, path: &Path, configuration: &str) -> String {
    let mut text = format!(
        "# A first scenario: `host-sim run` runs it. Every field: host-sim/SCENARIOS.md; the schema\n\
         # for editors: `host-sim schema`.\n\
         name: first\n\
         about: What the plugin does, in a sentence.\n\
         plugin: {}\n\
         workers: 1\n\
         start: {START}\n",
        quoted(&path.display().to_string())
    );
    if !configuration.is_empty() {
        let as_json: Result<Value, _> = serde_json::from_str(configuration);
        let shown = match as_json {
            Ok(value @ (Value::Object(_) | Value::Array(_))) => value.to_string(),
            _ => quoted(configuration),
        };
        text += &format!("configuration: {}\n", shown.replace("${", "$${"));
    }
    if !tried.clusters.is_empty() {
        text += "# Clusters that the plugin calls, and what they answer.\ncallouts:\n";
        for cluster in &tried.clusters {
            text += &format!(
                "  {}: {{ latency: 20ms, reply: {{ status: 200, body: \"{{}}\" }} }}\n",
                quoted(cluster)
            );
        }
    }
    text += "steps:\n";
    if tried.takes_connections {
        text += "  - open: { stream: connection, properties: { xds: { cluster_name: backend } } }\n\
                 \x20 - downstream: { stream: connection, text: hello }\n\
                 \x20 - upstream: { stream: connection, bytes: 100 }\n\
                 \x20 - close: { stream: connection }\n";
    }
    if tried.takes_requests {
        text += "  - http:\n\
                 \x20     stream: request\n\
                 \x20     request: { headers: { \":path\": / }, body: [hello] }\n\
                 \x20     response: { headers: { \":status\": 200 }, body: [100] }\n";
    }
    if !tried.takes_connections && !tried.takes_requests {
        text += "  # It takes neither connections nor requests, or fails with them.\n";
    }
    text += "  - advance: 10s\n";
    text
}

/// A text as YAML has it in double quotes, which is as JSON has it.
fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}
