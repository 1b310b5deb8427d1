//! The configuration: every error names its field, and the schema knows the same fields.

use std::rc::Rc;

use flow_filter::config::{
    Bounds, Config, Mode, Report, Source, Template, bounds, identity, push, source,
};
use flow_filter::limits;
use flow_model::{Name, Reporter};
use serde_json::{Value, json};

fn base() -> Value {
    json!({
        "mode": "http",
        "src_app": "frontend",
        "dest_app": ["cluster_name"],
        "vpc_id": [{"node_metadata": "vpc_id"}],
        "push": {"cluster": "flow_aggregator"},
    })
}

/// The base with `value` at a path like `push.cluster`; null takes the field away.
fn with(path: &str, value: Value) -> String {
    let mut config = base();
    let mut place = &mut config;
    for step in path.split('.') {
        place = &mut place[step];
    }
    *place = value;
    prune(&mut config);
    config.to_string()
}

fn prune(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.retain(|_, value| !value.is_null());
        fields.values_mut().for_each(prune);
    }
}

fn parse(text: &str) -> Config {
    match Config::parse(text.as_bytes()) {
        Ok(config) => config,
        Err(error) => panic!("{text}: {error}"),
    }
}

fn error(text: &str) -> String {
    match Config::parse(text.as_bytes()) {
        Ok(_) => panic!("taken: {text}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn defaults_are_filled_in() {
    let config = parse(&base().to_string());
    assert_eq!((config.mode, config.report), (Mode::Http, Report::Source));
    for side in Reporter::ALL {
        let [src_app, dest_app, vpc_id] = config.names.of(side);
        assert_eq!(*src_app, [Source::Literal(Rc::new(Name::new("frontend").unwrap()))]);
        assert_eq!(*dest_app, [Source::ClusterName]);
        assert_eq!(*vpc_id, [Source::NodeMetadata(vec!["vpc_id".to_owned()])]);
    }
    assert_eq!(config.push.path, "/v1/batches");
    assert_eq!(config.push.authority, "flow_aggregator");
    assert_eq!((config.push.interval_ms, config.push.timeout_ms), (5_000, 5_000));
    assert!(config.push.bearer_token.is_none());
    assert_eq!(config.bounds, Bounds { max_flows: 4_096, max_batch_flows: 1_000 });
}

#[test]
fn every_kind_of_source_is_read() {
    let sources = json!([
        "cluster_name",
        "peer_uri_san",
        "local_uri_san",
        {"literal": "x"},
        {"node_metadata": "app"},
        {"node_metadata": ["LABELS", "app.kubernetes.io/name"]},
        {"request_header": "X-App"},
        {"peer_spiffe": "{service_account}.{namespace}"},
        {"local_spiffe": "path"},
        {"istio_peer": "app"},
        {"istio_node": "{service}.{namespace}"},
        {"istio_endpoint": "workload"},
        {"istio_cluster": "host"},
        {"endpoint_metadata": ["flow", "app"]},
        {"cluster_metadata": ["flow", "app"]},
        {"attribute": ["a", "b"]},
    ]);
    let path = |steps: &[&str]| steps.iter().map(|step| (*step).to_owned()).collect::<Vec<_>>();
    let mut config = base();
    config["src_app"] = sources;
    config["trust_request_headers"] = json!("both");
    assert_eq!(
        parse(&config.to_string()).names.of(Reporter::Source)[0],
        [
            Source::ClusterName,
            Source::PeerUriSan,
            Source::LocalUriSan,
            Source::Literal(Rc::new(Name::new("x").unwrap())),
            Source::NodeMetadata(path(&["app"])),
            Source::NodeMetadata(path(&["LABELS", "app.kubernetes.io/name"])),
            Source::RequestHeader("x-app".to_owned()),
            Source::PeerSpiffe(Template::dotted("service_account", "namespace")),
            Source::LocalSpiffe(Template::field("path")),
            Source::IstioPeer(Template::field("app")),
            Source::IstioNode(Template::dotted("service", "namespace")),
            Source::IstioEndpoint(Template::field("workload")),
            Source::IstioCluster(Template::field("host")),
            Source::EndpointMetadata(path(&["flow", "app"])),
            Source::ClusterMetadata(path(&["flow", "app"])),
            Source::Attribute(path(&["a", "b"])),
        ]
    );
}

#[test]
fn an_error_names_its_field() {
    let long = "x".repeat(257);
    let kinds = source::KINDS.join(", ");
    for (path, value, expected) in [
        ("mode", json!(null), "mode: is missing"),
        ("mode", json!("udp"), "mode: must be \"tcp\", \"http\" or \"access_log\", not \"udp\""),
        ("report", json!(1), "report: must be \"source\", \"destination\" or \"both\", not 1"),
        ("src_app", json!(null), "src_app: is missing"),
        ("src_app", json!(""), "src_app: must not be empty"),
        ("src_app", json!(long), "src_app: must be at most 256 bytes of UTF-8, not 257"),
        ("src_app", json!("a\nb"), "src_app: must not contain control characters (U+000A found)"),
        (
            "dest_app",
            json!([]),
            "dest_app: must be a string or a non-empty array of sources, not an empty array",
        ),
        (
            "dest_app",
            json!({"literal": "x"}),
            "dest_app: must be a string or a non-empty array of sources, not an object",
        ),
        (
            "vpc_id",
            json!(["cluster_name", "cluster"]),
            &format!(
                "vpc_id[1]: must be \"cluster_name\", \"peer_uri_san\", \"local_uri_san\" or an \
                 object with one of: {kinds}, not \"cluster\""
            ),
        ),
        (
            "vpc_id",
            json!([{"label": "x"}]),
            &format!("unknown field vpc_id[0].label (known: {kinds})"),
        ),
        (
            "vpc_id",
            json!([{"literal": "x", "istio_peer": "app"}]),
            &format!("vpc_id[0]: must have exactly one of: {kinds}"),
        ),
        ("vpc_id", json!([{"literal": 3}]), "vpc_id[0].literal: must be a string, not 3"),
        (
            "vpc_id",
            json!([{"node_metadata": []}]),
            "vpc_id[0].node_metadata: must be a non-empty string or a non-empty array of them, \
             not an empty array",
        ),
        (
            "vpc_id",
            json!([{"attribute": ["a", ""]}]),
            "vpc_id[0].attribute[1]: must be a non-empty string, not an empty string",
        ),
        (
            "vpc_id",
            json!([{"attribute": ["a\u{0}b"]}]),
            "vpc_id[0].attribute[0]: must not contain NUL",
        ),
        (
            "vpc_id",
            json!([{"request_header": "a b"}]),
            "vpc_id[0].request_header: must be a non-empty string of visible ASCII characters \
             without spaces",
        ),
        (
            "vpc_id",
            json!([{"peer_spiffe": "{team}"}]),
            "vpc_id[0].peer_spiffe: has no field \"team\" \
             (known: trust_domain, path, namespace, service_account)",
        ),
        (
            "vpc_id",
            json!([{"peer_spiffe": "{path"}]),
            "vpc_id[0].peer_spiffe: must be a template like \"{a}.{b}\", not \"{path\"",
        ),
        (
            "vpc_id",
            json!([{"request_header": "x-app"}]),
            "vpc_id: has a request_header, which any caller can forge: say with \
             trust_request_headers on which listeners it is to be believed",
        ),
        (
            "trust_request_headers",
            json!(true),
            "trust_request_headers: must be \"outbound\", \"inbound\" or \"both\", not true",
        ),
        (
            "identity",
            json!("linkerd"),
            "identity: must be \"envoy\", \"spiffe\", \"istio\" or an object with spiffe and a \
             template, not \"linkerd\"",
        ),
        ("identity", json!({"istio": "x"}), "unknown field identity.istio (known: spiffe)"),
        ("push", json!(null), "push: is missing"),
        ("push", json!("x"), "push: must be an object, not \"x\""),
        ("push.cluster", json!(null), "push.cluster: is missing"),
        (
            "push.cluster",
            json!(""),
            "push.cluster: must be a non-empty string, not an empty string",
        ),
        ("push.path", json!("v1"), "push.path: must be a path that starts with /, not \"v1\""),
        (
            "push.interval_ms",
            json!("5s"),
            "push.interval_ms: must be an integer from 100 to 3600000, not \"5s\"",
        ),
        (
            "push.interval_ms",
            json!(99),
            "push.interval_ms: must be an integer from 100 to 3600000, not 99",
        ),
        (
            "push.timeout_ms",
            json!(0.5),
            "push.timeout_ms: must be an integer from 100 to 600000, not 0.5",
        ),
        (
            "push.intervall_ms",
            json!(5_000),
            "unknown field push.intervall_ms (known: cluster, path, authority, interval_ms, \
             timeout_ms, bearer_token)",
        ),
        (
            "bounds.max_flows",
            json!(0),
            "bounds.max_flows: must be an integer from 1 to 65536, not 0",
        ),
        (
            "bounds.max_batch_flows",
            json!(10_001),
            "bounds.max_batch_flows: must be an integer from 1 to 10000, not 10001",
        ),
        ("bounds.max", json!(1), "unknown field bounds.max (known: max_flows, max_batch_flows)"),
        (
            "extra",
            json!(true),
            "unknown field extra (known: mode, report, direction, identity, trust_request_headers, src_app, \
             dest_app, vpc_id, push, bounds)",
        ),
    ] {
        assert_eq!(error(&with(path, value)), expected);
    }
}

#[test]
fn a_name_that_no_stream_can_have_is_refused() {
    let header = json!([{"request_header": "x-app"}]);
    let refused = |report: &str, trust: &str, sources: &Value, direction: Option<&str>| {
        let mut config = base();
        config["report"] = json!(report);
        config["trust_request_headers"] = json!(trust);
        config["src_app"] = sources.clone();
        if let Some(direction) = direction {
            config["direction"] = json!(direction);
        }
        Config::parse(config.to_string().as_bytes()).err().map(|error| error.to_string())
    };
    let expected = Some(
        "src_app: has request_headers only, which trust_request_headers does not believe on the \
         listeners that report counts"
            .to_owned(),
    );
    assert_eq!(refused("destination", "outbound", &header, None), expected);
    assert_eq!(refused("source", "inbound", &header, None), expected);
    assert_eq!(refused("both", "outbound", &header, Some("inbound")), expected);
    for (report, trust) in
        [("destination", "inbound"), ("source", "both"), ("both", "outbound"), ("both", "inbound")]
    {
        assert_eq!(refused(report, trust, &header, None), None, "{report}, {trust}");
    }
    let beside = json!([{"request_header": "x-app"}, "cluster_name"]);
    assert_eq!(refused("destination", "outbound", &beside, None), None);
}

#[test]
fn the_token_is_never_repeated() {
    for token in ["", "open sesame", "sésame", "sesame\n"] {
        let error = error(&with("push.bearer_token", json!(token)));
        assert!(error.starts_with("push.bearer_token: must be a non-empty string"), "{error}");
        assert!(!error.contains("same"), "{error}");
    }
    let config = parse(&with("push.bearer_token", json!("sesame")));
    assert_eq!(config.push.bearer_token.unwrap().authorization(), "Bearer sesame");
}

#[test]
fn headers_are_for_http() {
    let mut config = base();
    config["mode"] = json!("tcp");
    config["dest_app"] = json!(["cluster_name", {"request_header": "x-app"}]);
    assert_eq!(
        error(&config.to_string()),
        "dest_app[1].request_header: is not for mode \"tcp\": a TCP connection has no request headers"
    );
}

#[test]
fn a_field_that_is_given_twice_is_refused() {
    let text = r#"{"mode":"tcp","mode":"http"}"#;
    assert!(error(text).contains("field \"mode\" is given twice"), "{}", error(text));
    let text = base().to_string().replace("\"cluster\":", "\"cluster\":\"a\",\"cluster\":");
    assert!(error(&text).contains("field \"cluster\" is given twice"), "{}", error(&text));
}

#[test]
fn what_is_not_json_says_so() {
    for text in ["", "{", "mode: tcp", "{}x"] {
        assert!(error(text).starts_with("malformed JSON: "), "{text}");
    }
    assert_eq!(error("[]"), "the configuration must be an object, not an empty array");
    // A google.protobuf.Struct, as Envoy hands it on.
    let binary = "\n\u{e}\n\u{4}mode\u{12}\u{6}\u{1a}\u{4}http";
    assert!(error(binary).ends_with("give it as a google.protobuf.StringValue"));
}

#[test]
fn integers_may_be_written_as_floating_point() {
    let config = parse(&base().to_string().replace(
        "\"flow_aggregator\"",
        "\"flow_aggregator\",\"interval_ms\":3.6e6,\"timeout_ms\":100.0",
    ));
    assert_eq!((config.push.interval_ms, config.push.timeout_ms), (3_600_000, 100));
}

#[test]
fn the_schema_knows_the_same_fields_and_bounds() {
    let schema: Value = serde_json::from_str(include_str!("../../config.schema.json")).unwrap();
    let sorted = |names: &[&str]| {
        let mut names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        names.sort();
        names
    };
    let listed = |path: &str| {
        let fields = schema.pointer(path).unwrap().as_object().unwrap();
        let mut names: Vec<_> = fields.keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(listed("/properties"), sorted(flow_filter::config::FIELDS));
    assert_eq!(listed("/properties/push/properties"), sorted(push::FIELDS));
    assert_eq!(listed("/properties/bounds/properties"), sorted(bounds::FIELDS));
    assert_eq!(listed("/$defs/source/oneOf/1/properties"), sorted(source::KINDS));
    assert_eq!(
        schema.pointer("/properties/identity/oneOf/0/enum"),
        Some(&json!(identity::PRESETS))
    );
    assert_eq!(schema.pointer("/$defs/source/oneOf/0/enum"), Some(&json!(source::WORDS)));
    for (path, range, default) in [
        ("push/properties/interval_ms", limits::INTERVAL_MS, limits::DEFAULT_INTERVAL_MS),
        ("push/properties/timeout_ms", limits::TIMEOUT_MS, limits::DEFAULT_TIMEOUT_MS),
        ("bounds/properties/max_flows", limits::MAX_FLOWS, limits::DEFAULT_MAX_FLOWS),
        ("bounds/properties/max_batch_flows", limits::BATCH_FLOWS, limits::DEFAULT_BATCH_FLOWS),
    ] {
        let field = schema.pointer(&format!("/properties/{path}")).unwrap();
        assert_eq!(field["minimum"], json!(range.0), "{path}");
        assert_eq!(field["maximum"], json!(range.1), "{path}");
        assert_eq!(field["default"], json!(default), "{path}");
    }
}
