//! What watches the service asks only for what the service and its filters tell.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use flow_tests::deadline::wait_for;
use flow_tests::istio::{IstioMesh, Resources};
use flow_tests::{Mesh, programs};
use serde_json::Value;

/// What Prometheus adds to every metric.
const ADDED: &[&str] = &["job", "instance", "namespace"];

/// Labels of which a run has not every value.
const OPEN: &[&str] = &["status"];

/// Metrics, and the values of each of their labels.
type Told = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

#[test]
fn every_metric_of_rules_and_dashboard_is_told() {
    let queries = queries();
    // What the aggregator, Envoy with the tag for outcomes, and Envoy without it tell together.
    let tagged = Mesh::plan().start();
    tagged.http().get(1_000);
    let istio = IstioMesh::start(&Resources::load().without("aggregator-cluster.yaml"));
    istio.http().get(1_000);
    wait_for("all that is asked for to be told", || {
        let mut told = Told::new();
        // Probes ask this, too.
        tagged.fas().get("/readyz")?;
        add(&mut told, &tagged.fas().get("/metrics")?);
        add(&mut told, &tagged.frontend().admin("/stats/prometheus?filter=flow_filter"));
        add(&mut told, &istio.productpage().admin("/stats/prometheus?filter=flow_filter"));
        queries.iter().try_for_each(|query| is_told(query, &told))
    });
}

/// The queries of all rules and panels, and of the dashboard's variables.
fn queries() -> Vec<String> {
    let directory = programs::standalone_samples().join("../observability");
    let read = |name: &str| fs::read_to_string(directory.join(name)).expect("the file is there");
    let rules: Value = serde_saphyr::from_str(&read("rules.yaml")).expect("it is YAML");
    let dashboard: Value = serde_json::from_str(&read("dashboard.json")).expect("it is JSON");
    let mut queries = Vec::new();
    for value in [&rules["spec"]["groups"], &dashboard["panels"], &dashboard["templating"]] {
        collect(value, &mut queries);
    }
    assert!(queries.len() > 50, "{queries:#?}");
    queries
}

fn collect(value: &Value, queries: &mut Vec<String>) {
    for (name, inner) in value.as_object().into_iter().flatten() {
        match inner.as_str().filter(|_| ["expr", "definition"].contains(&name.as_str())) {
            Some(query) => queries.push(query.to_owned()),
            None => collect(inner, queries),
        }
    }
    value.as_array().into_iter().flatten().for_each(|inner| collect(inner, queries));
}

/// Adds the metrics of a page in Prometheus's text format.
fn add(told: &mut Told, page: &str) {
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (metric, rest) = split_name(line);
        let labels = told.entry(metric.to_owned()).or_default();
        for (name, _, value) in matchers(rest) {
            labels.entry(name.to_owned()).or_default().insert(value.to_owned());
        }
    }
}

/// Whether every metric that a query names is told, with the labels by which it is chosen. What
/// rules record has colons in its name, and is not looked for.
fn is_told(query: &str, told: &Told) -> Result<(), String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    for (start, _) in query.match_indices("fas_").chain(query.match_indices("flow_filter_")) {
        let (before, rest) = query.split_at(start);
        if before.ends_with(is_name) {
            continue;
        }
        let (metric, rest) = split_name(rest);
        let labels = told.get(metric).ok_or_else(|| format!("no {metric}, in {query}"))?;
        for (name, operator, value) in matchers(rest) {
            if ADDED.contains(&name) {
                continue;
            }
            let values = labels.get(name).ok_or_else(|| format!("no {metric}{{{name}}}"))?;
            if operator == "=" && !OPEN.contains(&name) && !values.contains(value) {
                return Err(format!("no {metric}{{{name}={value}}}: there are {values:?}"));
            }
        }
    }
    Ok(())
}

/// A metric's name, and what follows.
fn split_name(text: &str) -> (&str, &str) {
    let is_end = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':');
    text.split_at(text.find(is_end).unwrap_or(text.len()))
}

/// The labels in the braces with which `text` begins, if it does: name, operator and value.
fn matchers(text: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let inside = text.strip_prefix('{').and_then(|rest| Some(rest.split_once('}')?.0));
    // No value here has a quote, a comma or a brace in it.
    inside.unwrap_or_default().split(',').filter_map(|matcher| {
        let (left, value) = matcher.split_once('"')?;
        let name = left.trim_end_matches(['=', '!', '~']);
        Some((name.trim(), left.get(name.len()..)?, value.trim_end_matches('"')))
    })
}
