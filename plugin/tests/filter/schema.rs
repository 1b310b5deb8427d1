//! The schema, with which editors and pipelines check a configuration, says the same of it as the
//! filter does, but for what a schema cannot express.

use flow_filter::config::{Config, bounds, identity, push, source};
use flow_filter::identity::{istio, spiffe};
use flow_filter::limits;
use jsonschema::Validator;
use serde_json::{Value, json};

const SCHEMA: &str = include_str!("../../config.schema.json");
const README: &str = include_str!("../../README.md");

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&schema()).unwrap()
}

/// A configuration with everything that is required, and `value` at a pointer into it.
fn with(pointer: &str, value: Value) -> Value {
    let mut config = json!({
        "mode": "http",
        "src_app": "frontend",
        "dest_app": ["cluster_name"],
        "vpc_id": [{"node_metadata": "vpc_id"}],
        "trust_request_headers": "both",
        "push": {"cluster": "flow_aggregator"},
        "bounds": {},
    });
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    config.pointer_mut(parent).unwrap()[field] = value;
    config
}

fn without(field: &str) -> Value {
    let mut config = with("/report", json!("source"));
    config.as_object_mut().unwrap().remove(field);
    config
}

/// A source of `src_app`.
fn source_is(source: Value) -> Value {
    with("/src_app", json!([source]))
}

fn parse(config: &Value) -> Result<Config, String> {
    Config::parse(config.to_string().as_bytes()).map_err(|error| error.to_string())
}

/// Both take it, or both refuse it.
fn agree(validator: &Validator, config: &Value, is_good: bool) {
    let filter = parse(config).map(|_| ());
    let schema = validator.validate(config).map_err(|error| error.to_string());
    assert_eq!(filter.is_ok(), is_good, "the filter, of {config}: {filter:?}");
    assert_eq!(schema.is_ok(), is_good, "the schema, of {config}: {schema:?}");
}

#[test]
fn both_take_what_is_good() {
    let validator = validator();
    let mut good = vec![
        without("src_app-is-there"),
        without("bounds"),
        without("trust_request_headers"),
        json!({"mode": "tcp", "identity": "istio", "push": {"cluster": "c"}}),
        json!({"mode": "http", "identity": {"spiffe": "path"}, "vpc_id": "v", "push": {"cluster": "c"}}),
        with("/src_app", json!("x".repeat(256))),
        with("/src_app", json!("ü".repeat(128))),
        with("/push/cluster", json!("outbound|8080||a.b.svc.cluster.local")),
        with("/push/cluster", json!("x".repeat(limits::MAX_TEXT_BYTES))),
        with("/push/path", json!("/")),
        with("/push/path", json!("/a?b=%20")),
        with("/push/authority", json!("a.b:80")),
        with("/push/bearer_token", json!("x".repeat(limits::MAX_TEXT_BYTES))),
        with("/push/interval_ms", json!(5_000.0)),
        source_is(json!({"literal": "a b/ü"})),
        source_is(json!({"request_header": "X-App"})),
        source_is(json!({"node_metadata": ["LABELS", "app.kubernetes.io/name"]})),
        source_is(json!({"attribute": ["a", "request"]})),
        source_is(json!({"attribute": ["a", "x".repeat(limits::MAX_TEXT_BYTES)]})),
        source_is(json!({"endpoint_metadata": "flow"})),
        source_is(json!({"cluster_metadata": ["flow", "app"]})),
    ];
    good.extend(source::WORDS.iter().map(|word| source_is(json!(word))));
    good.extend(identity::PRESETS.iter().map(|preset| with("/identity", json!(preset))));
    for (field, words) in [
        ("/mode", vec!["tcp", "http", "access_log"]),
        ("/direction", vec!["outbound", "inbound"]),
        ("/report", vec!["source", "destination", "both"]),
        ("/trust_request_headers", vec!["outbound", "inbound", "both"]),
    ] {
        good.extend(words.iter().map(|word| with(field, json!(word))));
    }
    for config in good {
        agree(&validator, &config, true);
    }
}

#[test]
fn both_refuse_what_is_bad() {
    let validator = validator();
    let too_long = || json!("x".repeat(limits::MAX_TEXT_BYTES + 1));
    let mut bad = vec![
        json!([]),
        json!("mode"),
        json!({}),
        without("mode"),
        without("push"),
        without("src_app"),
        without("dest_app"),
        without("vpc_id"),
        with("/extra", json!(1)),
        with("/push/extra", json!(1)),
        with("/bounds/extra", json!(1)),
        with("/identity", json!({"spiffe": "path", "extra": 1})),
        with("/identity", json!({})),
        with("/identity", json!({"istio": "app"})),
        with("/identity", json!("linkerd")),
        with("/identity", json!({"spiffe": "team"})),
        with("/push", json!({})),
        with("/push", json!("flow_aggregator")),
        with("/bounds", json!(5)),
        with("/src_app", json!("")),
        with("/src_app", json!("x".repeat(257))),
        with("/src_app", json!("a\nb")),
        with("/src_app", json!("a\u{7f}")),
        with("/src_app", json!("a\u{85}")),
        with("/src_app", json!([])),
        with("/src_app", json!({"literal": "x"})),
        with("/src_app", json!(["cluster"])),
        with("/src_app", json!([["cluster_name"]])),
        with("/src_app", json!(7)),
        with("/push/cluster", json!("")),
        with("/push/cluster", too_long()),
        with("/push/path", json!("v1")),
        with("/push/path", json!("/a b")),
        with("/push/path", json!("/é")),
        with("/push/path", json!(format!("/{}", "x".repeat(limits::MAX_TEXT_BYTES)))),
        with("/push/authority", json!("a b")),
        with("/push/authority", too_long()),
        with("/push/bearer_token", json!("sesame\n")),
        with("/push/bearer_token", json!("")),
        with("/push/bearer_token", too_long()),
        source_is(json!({})),
        source_is(json!({"literal": "x", "attribute": "y"})),
        source_is(json!({"label": "x"})),
        source_is(json!({"literal": ""})),
        source_is(json!({"literal": 3})),
        source_is(json!({"node_metadata": []})),
        source_is(json!({"node_metadata": ""})),
        source_is(json!({"node_metadata": [["a"]]})),
        source_is(json!({"attribute": ["request", "host"]})),
        source_is(json!({"attribute": "request"})),
        source_is(json!({"attribute": ["a", ""]})),
        source_is(json!({"attribute": ["a\u{0}b"]})),
        source_is(json!({"attribute": too_long()})),
        source_is(json!({"request_header": "a b"})),
        source_is(json!({"request_header": too_long()})),
        source_is(json!({"peer_spiffe": too_long()})),
        source_is(json!({"peer_spiffe": ["path"]})),
    ];
    for field in ["mode", "direction", "report", "identity", "trust_request_headers"] {
        let values = [json!("other"), json!(""), json!(null), json!(true), json!(["tcp"])];
        bad.extend(values.into_iter().map(|value| with(&format!("/{field}"), value)));
    }
    // A header, where nobody said whose is believed, and where there are none.
    for name in ["src_app", "dest_app", "vpc_id"] {
        let header = json!(["cluster_name", {"request_header": "x-app"}]);
        let mut config = with(&format!("/{name}"), header);
        config["mode"] = json!("access_log");
        agree(&validator, &config, true);
        config["mode"] = json!("tcp");
        bad.push(config.clone());
        config["mode"] = json!("http");
        config.as_object_mut().unwrap().remove("trust_request_headers");
        bad.push(config);
    }
    for config in bad {
        agree(&validator, &config, false);
    }
}

#[test]
fn both_know_the_bounds_of_numbers() {
    let validator = validator();
    for (pointer, (min, max)) in [
        ("/push/interval_ms", limits::INTERVAL_MS),
        ("/push/timeout_ms", limits::TIMEOUT_MS),
        ("/bounds/max_flows", limits::MAX_FLOWS),
        ("/bounds/max_batch_flows", limits::BATCH_FLOWS),
    ] {
        for value in [min, max] {
            agree(&validator, &with(pointer, json!(value)), true);
        }
        for value in
            [json!(min - 1), json!(max + 1), json!(min as f64 + 0.5), json!(-1), json!("5")]
        {
            agree(&validator, &with(pointer, value), false);
        }
    }
}

#[test]
fn both_know_the_fields_of_templates() {
    let validator = validator();
    let all = ["team", "service", "app", "namespace", "workload", "cluster", "network", "host"]
        .into_iter()
        .chain(["port", "subset", "trust_domain", "path", "service_account"]);
    for (kind, fields) in [
        ("peer_spiffe", spiffe::FIELDS),
        ("local_spiffe", spiffe::FIELDS),
        ("istio_peer", istio::PEER_FIELDS),
        ("istio_node", istio::NODE_FIELDS),
        ("istio_endpoint", istio::ENDPOINT_FIELDS),
        ("istio_cluster", istio::CLUSTER_FIELDS),
    ] {
        let agree = |template: &str, is_good| {
            agree(&validator, &source_is(json!({ kind: template })), is_good);
        };
        for field in all.clone() {
            let is_good = fields.contains(&field);
            agree(field, is_good);
            agree(&format!("{{{field}}}"), is_good);
            agree(&format!("a/{{namespace}}-{{{field}}}/z"), is_good);
        }
        for template in ["", "{}", "{namespace", "namespace}", "{{namespace}}", "a{namespace}b}c"] {
            agree(template, false);
        }
        agree("x\n{namespace}\n", true);
    }
}

#[test]
fn both_know_where_a_name_of_headers_alone_can_come_from() {
    let validator = validator();
    let words = |words: [&'static str; 3]| words.map(|word| (!word.is_empty()).then_some(word));
    for trust in ["outbound", "inbound", "both"] {
        for report in words(["source", "destination", "both"]).into_iter().chain([None]) {
            for direction in words(["", "outbound", "inbound"]) {
                let reports = report.unwrap_or("source");
                let is_counted = |side: &str, own: &str| {
                    [side, "both"].contains(&reports) && direction.is_none_or(|one| one == own)
                };
                let counted = [("source", "outbound"), ("destination", "inbound")];
                let counted: Vec<_> =
                    counted.into_iter().filter(|(side, own)| is_counted(side, own)).collect();
                let is_believed = |(_, own): &(&str, &str)| *own == trust || trust == "both";
                let is_good = counted.is_empty() || counted.iter().any(is_believed);
                let header = json!({"request_header": "x-app"});
                let mut config = source_is(header.clone());
                config["trust_request_headers"] = json!(trust);
                for (field, value) in [("report", report), ("direction", direction)] {
                    if let Some(value) = value {
                        config[field] = json!(value);
                    }
                }
                agree(&validator, &config, is_good);
                config["src_app"] = json!([header, "cluster_name"]);
                agree(&validator, &config, true);
            }
        }
    }
}

/// What a schema cannot express: it counts characters, where the filter counts bytes; and it never
/// sees that a field was given twice.
#[test]
fn the_filter_alone_refuses_what_is_too_long_in_bytes_and_what_is_given_twice() {
    let validator = validator();
    let name = "ü".repeat(129);
    let text = "ü".repeat(limits::MAX_TEXT_BYTES / 2 + 1);
    for config in [
        with("/src_app", json!(name)),
        source_is(json!({"literal": name})),
        with("/push/cluster", json!(text)),
        source_is(json!({"attribute": text})),
        source_is(json!({"peer_spiffe": format!("{text}{{path}}")})),
    ] {
        assert!(validator.is_valid(&config), "{config}");
        assert!(parse(&config).is_err(), "{config}");
    }
    let twice = r#"{"mode":"tcp","mode":"tcp","identity":"istio","push":{"cluster":"c"}}"#;
    assert!(validator.is_valid(&serde_json::from_str(twice).unwrap()));
    assert!(Config::parse(twice.as_bytes()).is_err());
}

#[test]
fn the_schema_tells_the_defaults() {
    let schema = schema();
    let default = |pointer: &str| schema.pointer(pointer).unwrap()["default"].clone();
    let push = |field: &str| default(&format!("/properties/push/properties/{field}"));
    let bound = |field: &str| default(&format!("/properties/bounds/properties/{field}"));
    assert_eq!(default("/properties/report"), "source");
    assert_eq!(push("path"), parse(&without("bounds")).unwrap().push.path);
    assert_eq!(push("interval_ms"), limits::DEFAULT_INTERVAL_MS);
    assert_eq!(push("timeout_ms"), limits::DEFAULT_TIMEOUT_MS);
    assert_eq!(bound("max_flows"), limits::DEFAULT_MAX_FLOWS);
    assert_eq!(bound("max_batch_flows"), limits::DEFAULT_BATCH_FLOWS);
}

#[test]
fn every_setting_is_described_in_the_schema_and_in_the_readme() {
    let schema = schema();
    let nested = |parent: &str, fields: &[&str]| {
        fields.iter().map(|field| format!("{parent}.{field}")).collect::<Vec<_>>()
    };
    let mut settings: Vec<_> =
        flow_filter::config::FIELDS.iter().map(|field| (*field).to_owned()).collect();
    settings.retain(|field| field != "push" && field != "bounds");
    settings.extend(nested("push", push::FIELDS));
    settings.extend(nested("bounds", bounds::FIELDS));
    for setting in settings {
        let pointer = format!("/properties/{}", setting.replace('.', "/properties/"));
        let field = schema.pointer(&pointer);
        let field = field.unwrap_or_else(|| panic!("the schema has no {setting}"));
        let description = field["description"].as_str().unwrap_or_default();
        assert!(description.len() > 20, "{setting}: {description:?}");
        let row = format!("\n| `{setting}` | ");
        assert!(README.contains(&row), "the README has no row of {setting}");
        let default = &field["default"];
        let told = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
        let told = told.trim_start_matches("null");
        let row = README.split(&row).nth(1).and_then(|rest| rest.split(" |").next()).unwrap();
        assert!(row.contains(told), "the README's default of {setting} is {row}, not {told}");
    }
    for source in source::KINDS.iter().chain(source::WORDS) {
        assert!(README.contains(&format!("\"{source}\"")), "the README has no source {source}");
    }
}
