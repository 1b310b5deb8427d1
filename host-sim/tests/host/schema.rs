//! The JSON Schema of scenarios: it is made from the types, takes what they take, and nothing else.

use std::{fs, path::PathBuf};

use serde_json::Value;

fn schema_file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenario.schema.json")
}

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&host_sim::scenario::schema()).expect("a valid schema")
}

fn value(yaml: &str) -> Value {
    serde_saphyr::from_str(yaml).expect(yaml)
}

#[test]
fn the_file_is_what_the_types_say() {
    let mut schema = serde_json::to_string_pretty(&host_sim::scenario::schema()).unwrap();
    schema.push('\n');
    if std::env::var_os("FAS_UPDATE_GOLDEN").is_some() {
        fs::write(schema_file(), &schema).unwrap();
    }
    let file = fs::read_to_string(schema_file()).unwrap_or_default();
    assert!(file == schema, "FAS_UPDATE_GOLDEN=1 cargo test -p host-sim --test host schema");
}

#[test]
fn the_scenarios_of_this_repository_are_valid() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/scenarios");
    let files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 6);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let errors: Vec<String> =
            validator().iter_errors(&value(&text)).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", file.display());
    }
}

/// What the schema and the reader must agree on.
#[test]
fn the_schema_takes_what_the_reader_takes() {
    let head = "name: x\nstart: 2026-03-01T10:00:00Z\n";
    for (text, is_right) in [
        ("steps: []", true),
        ("steps: [drain, terminate, {trap: main}, {trap: {worker: 1}}]", true),
        ("parameters: {n: 1}\nworkers: '${n}'\nsteps: []", true),
        ("cases: [{name: a}]\nsteps: []", true),
        ("steps: [{repeat: {times: 2, index: i, steps: [{advance: 1s}]}}]", true),
        ("steps: [{repeat: {each: [{a: 1}], steps: [{note: '${a}'}]}}]", true),
        (
            "steps: [{http: {request: {headers: {':status': '200'}, body: [1, a, {bytes: 1, after: 1s}]}}}]",
            true,
        ),
        (
            "callouts: {c: {latency: {from: 1s, to: 2s}, loss: 0.5, script: [timeout, {status: 503}], reply: {body: x}}}\nsteps: []",
            true,
        ),
        (
            "steps: [{expect: {log: {text: {regex: a, not: b}, level: warn, count: {at_least: 2}}}}]",
            true,
        ),
        (
            "steps: [{open: {stream: a, properties: {x: {y: 1}}}}, {expect: {property: {stream: a, name: x.y, integer: 1}}}]",
            true,
        ),
        (
            "configuration: [1]\nnode: {metadata: {a: b}}\nfailure_policy: fail_open\nsteps: []",
            true,
        ),
        ("colour: red\nsteps: []", false),
        ("about: no steps", false),
        ("steps: [{jump: 5s}]", false),
        ("steps: [{drain: }]", false),
        ("steps: [{advance: 5}]", false),
        ("steps: [{close: {stream: a, reason: b}}]", false),
        ("steps: [{close: {}}]", false),
        ("steps: [{advance: 1s, note: x}]", false),
        ("steps: [{repeat: {times: 2}}]", false),
        ("steps: [{repeat: {times: 2, each: [], steps: []}}]", false),
        ("steps: [{repeat: {times: 2, steps: [{jump: 1s}]}}]", false),
        ("steps: [{expect: {log: {contain: x}}}]", false),
        ("steps: [{expect: {metric: {name: x, value: {atleast: 1}}}}]", false),
        ("steps: [{fault: {cluster: c, next: [explode]}}]", false),
        ("callouts: {c: {reply: {state: 200}}}\nsteps: []", false),
        ("workers: many\nsteps: []", false),
        ("failure_policy: fail_never\nsteps: []", false),
    ] {
        let text = format!("{head}{text}\n");
        let read = host_sim::Document::parse(&text)
            .and_then(|document| document.scenarios(&Default::default()).map(drop));
        assert_eq!(read.is_ok(), is_right, "the reader: {text}{read:?}");
        assert_eq!(validator().is_valid(&value(&text)), is_right, "the schema: {text}");
    }
}
