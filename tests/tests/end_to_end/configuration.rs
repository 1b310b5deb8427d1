//! The sample configurations, and configurations with mistakes.

use std::process::Command;
use std::time::Duration;

use flow_tests::client::agent;
use flow_tests::ports::Ports;
use flow_tests::process::Process;
use flow_tests::programs;
use flow_tests::sample::Sample;
use flow_tests::sidecar::serve;
use flow_tests::{Bytes, Mesh, Totals};
use tempfile::TempDir;

/// The beginning of the HTTP filter's settings in the frontend's sample.
const HTTP_SOURCE: &str = r#""mode": "http",
                      "report": "source",
                      "direction": "outbound",
                      "identity": "envoy","#;

#[test]
fn the_samples_are_valid() {
    for name in ["frontend", "backend"] {
        let (is_valid, log) = validate(&Sample::load(name).put_filter(&programs::filter()));
        assert!(is_valid, "the sample {name} is not valid:\n{log}");
    }
}

#[test]
fn the_samples_never_fail_closed() {
    for name in ["frontend", "backend"] {
        let sample = Sample::load(name);
        let filters = sample.count("filename: \"/etc/envoy/flow_filter.wasm\"");
        assert_eq!(filters, 2, "filters in the sample {name}");
        assert_eq!(sample.count("failure_policy: FAIL_RELOAD"), filters);
    }
}

#[test]
fn an_unknown_field_is_refused_by_name() {
    refuses(r#""report": "source""#, r#""reports": "source""#, "unknown field reports ");
}

#[test]
fn an_unknown_field_of_the_push_settings_is_refused_by_name() {
    refuses(
        r#""interval_ms": 5000"#,
        r#""interval_seconds": 5"#,
        "unknown field push.interval_seconds ",
    );
}

#[test]
fn a_bad_value_is_refused_with_the_name_of_its_field() {
    refuses(r#""report": "source""#, r#""report": "sauce""#, "report: ");
    refuses(r#""interval_ms": 5000"#, r#""interval_ms": 5"#, "push.interval_ms: ");
    refuses(r#""mode": "http""#, r#""mode": 5"#, "mode: ");
}

#[test]
fn a_missing_field_is_refused_by_name() {
    refuses(r#""identity": "envoy","#, "", "src_app: ");
}

#[test]
fn names_may_be_given_literally() {
    let mesh = Mesh::plan()
        .edit_frontend(
            r#""identity": "envoy","#,
            r#""identity": "envoy", "src_app": "шлюз/a b", "dest_app": [{"literal": "x-y.z"}],"#,
        )
        .start();
    let sent = mesh.http().get(10) + mesh.tcp().exchange(20, 30);
    mesh.ends_with(&Totals::of([("шлюз/a b", "x-y.z", sent)]));
}

#[test]
fn the_first_source_that_exists_gives_the_name() {
    let sources = r#"["peer_uri_san", {"node_metadata": "no_such"}, {"request_header": "x-app"}, {"node_metadata": ["labels", "app"]}, {"literal": "never"}]"#;
    let mesh = Mesh::plan()
        // The filter of the HTTP listener only: TCP has no headers.
        .edit_frontend(
            HTTP_SOURCE,
            &format!(r#"{HTTP_SOURCE} "trust_request_headers": "outbound", "src_app": {sources},"#),
        )
        .edit_frontend("metadata:\n", "metadata:\n    labels: { app: labelled }\n")
        .start();
    let url = format!("http://127.0.0.1:{}/sink", mesh.ports().outbound_http);
    let request = agent(Duration::from_secs(10)).post(&url).header("x-app", "by-header");
    assert_eq!(request.send(&b"12345"[..]).expect("an answer").status(), 200);
    let labelled = mesh.http().get(1_000) + mesh.http().upload(3);

    mesh.ends_with(&Totals::of([
        ("by-header", "backend", Bytes::new(5, 0)),
        ("labelled", "backend", labelled),
    ]));
}

#[test]
fn envoy_does_not_start_with_a_mistake() {
    let ports = Ports::free();
    let sample = mistaken(r#""report": "source""#, r#""reports": "source""#)
        .put_port(Ports::SAMPLE.frontend_admin, ports.frontend_admin)
        .put_port(Ports::SAMPLE.outbound_http, ports.outbound_http)
        .put_port(Ports::SAMPLE.outbound_tcp, ports.outbound_tcp);
    let directory = TempDir::new().expect("a directory can be made");
    let path = directory.path().join("mistaken.yaml");
    sample.write(&path);
    let mut envoy = Process::start("mistaken", &mut serve(&path, 1), directory.path());
    assert!(!envoy.wait().success(), "Envoy starts");
    assert_complains("unknown field reports ", &envoy.output());
}

/// Envoy finds the configuration with `new` in place of `old` not valid, and the filter says why.
fn refuses(old: &str, new: &str, complaint: &str) {
    let (is_valid, log) = validate(&mistaken(old, new));
    assert!(!is_valid, "Envoy accepts `{new}`:\n{log}");
    assert_complains(complaint, &log);
}

fn mistaken(old: &str, new: &str) -> Sample {
    Sample::load("frontend").put_filter(&programs::filter()).put(old, new)
}

/// Whether a configuration is valid, filters and all, and what Envoy logs about it.
fn validate(sample: &Sample) -> (bool, String) {
    let directory = TempDir::new().expect("a directory can be made");
    let path = directory.path().join("sample.yaml");
    sample.write(&path);
    let mut validate = Command::new(programs::envoy());
    validate.args(["--mode", "validate", "--config-path"]).arg(&path);
    let output = validate.output().expect("Envoy can be started");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The filter's own log line says `complaint`, after a space, so that it is no part of a word.
fn assert_complains(complaint: &str, log: &str) {
    let complaint = format!(" {complaint}");
    let mut lines = log.lines().filter(|line| line.contains("wasm log"));
    assert!(lines.any(|line| line.contains(&complaint)), "nobody says `{complaint}`:\n{log}");
}
