//! The simulator beside real Envoy: the same guests, the same traffic, the same log, line by line.
//!
//! A case (`fidelity/cases/`) says what a guest does in which callback and what happens to it. It
//! runs on both hosts, and what the guest saw, what the client was given and what the server was
//! given must be equal. `cargo xtask test` sets up what these tests need.

#[path = "fidelity/bootstrap.rs"]
mod bootstrap;
#[path = "fidelity/conversation.rs"]
mod conversation;
#[path = "fidelity/functions.rs"]
mod functions;
#[path = "fidelity/grpc.rs"]
mod grpc;
#[path = "fidelity/guest.rs"]
mod guest;
#[path = "fidelity/http2.rs"]
mod http2;
#[path = "fidelity/log.rs"]
mod log;
#[path = "fidelity/peer.rs"]
mod peer;
#[path = "fidelity/real.rs"]
mod real;
#[path = "fidelity/script.rs"]
mod script;
#[path = "fidelity/servers.rs"]
mod servers;
#[path = "fidelity/simulated.rs"]
mod simulated;
#[path = "fidelity/step.rs"]
mod step;
#[path = "fidelity/transcript.rs"]
mod transcript;
#[path = "fidelity/wire.rs"]
mod wire;
#[path = "fidelity/words.rs"]
mod words;

use flow_tests::programs;
use script::{Case, cases};
use simulated::Simulated;

/// What clients see of a listener that Envoy has refused.
const NOBODY_LISTENS: &str = "nobody listens";

/// The metadata of the node, on either host.
fn node_metadata() -> serde_json::Value {
    serde_json::json!({
        "app": "fid",
        "n": 7,
        "list": ["a", 1, true],
        "nested": { "in": { "side": "deep" } },
        "yes": true,
        "none": null,
        "text": "plain",
    })
}

/// The name of a case's plugin and VM.
fn key(at: usize) -> String {
    format!("c{at:03}")
}

/// A guest's line; the level is only shown if it is not the usual one.
fn line(level: &str, message: &str) -> String {
    let level = if level == "warn" { "warning" } else { level };
    let text = if level == "info" { message.to_owned() } else { format!("<{level}> {message}") };
    without_milliseconds(&without_ports(&text))
}

/// How long a call took.
fn without_milliseconds(text: &str) -> String {
    const NAME: &str = "x-envoy-upstream-service-time=";
    let Some((before, after)) = text.split_once(NAME) else { return text.to_owned() };
    let after = after.trim_start_matches(|digit: char| digit.is_ascii_digit());
    format!("{before}{NAME}MS{after}")
}

/// Ports are chosen by each run.
fn without_ports(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("127.0.0.1:PORT");
        out.push_str(part.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    }
    out
}

/// The cases of a topic; with `FIDELITY_ONLY`, those whose titles contain that.
fn cases_of(topic: &str) -> Vec<Case> {
    let path = programs::tests_directory().join(format!("tests/fidelity/cases/{topic}.txt"));
    let text = std::fs::read_to_string(&path).expect("a topic has cases");
    let only = std::env::var("FIDELITY_ONLY").unwrap_or_default();
    cases(&text).into_iter().filter(|case| case.title.contains(&only)).collect()
}

/// Runs the cases of a topic on both hosts. Those that differ fail the test, unless they say why
/// they do; and one that says so but does not differ fails it, too.
fn compare(topic: &str) {
    let cases = cases_of(topic);
    let simulated: Vec<Simulated> =
        cases.iter().enumerate().map(|(at, case)| simulated::run(case, &key(at))).collect();
    let real = real::run(topic, &cases, &simulated);
    let mut failures = String::new();
    for ((case, simulated), real) in cases.iter().zip(&simulated).zip(&real) {
        if std::env::var_os("FIDELITY_SHOW").is_some() {
            println!("== {}\n{real:#?}", case.title);
        }
        match (simulated.transcript.difference(real), &case.differs) {
            (Some(difference), None) => failures += &format!("== {}\n{difference}", case.title),
            (None, Some(reason)) => {
                failures += &format!("== {}\n  no difference any more: {reason}\n", case.title);
            }
            _ => println!("equal: {}", case.title),
        }
    }
    assert!(failures.is_empty(), "the simulator and Envoy differ:\n{failures}");
}

/// A test for each file of cases.
macro_rules! topics {
    ($($topic:ident)*) => {
        const TOPICS: &[&str] = &[$(stringify!($topic)),*];
        $(
            #[test]
            fn $topic() {
                compare(stringify!($topic));
            }
        )*
    };
}

topics! {
    buffers
    calls
    drain
    failures
    grpc_calls
    headers
    http2_clients
    languages
    lifecycle
    local_response
    loggers
    pausing
    process
    properties
    refusals
    versions
    wasi
    workers
}

/// What is compared stands in the simulator's documentation. `FAS_UPDATE_GOLDEN=1` writes it anew.
#[test]
fn the_documentation_lists_what_is_compared() {
    const MARK: &str = "<!-- From here on, the tests write this. -->\n";
    let path = programs::tests_directory().join("../host-sim/FIDELITY.md");
    let text = std::fs::read_to_string(&path).expect("there is such a document");
    let (written, listed) = text.split_once(MARK).expect("it has a mark");
    let list = behaviours();
    if std::env::var_os("FAS_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, [written, MARK, &list].concat()).expect("it can be written");
    } else {
        assert_eq!(listed, list, "FAS_UPDATE_GOLDEN=1 writes it anew");
    }
}

fn behaviours() -> String {
    let mut list = String::new();
    for topic in TOPICS {
        list += &format!("\n## {topic}\n\n| behaviour | |\n|---|---|\n");
        for Case { title, differs, .. } in cases_of(topic) {
            let outcome = differs.map_or("equal".to_owned(), |why| format!("differs: {why}"));
            list += &format!("| {title} | {outcome} |\n");
        }
    }
    list += "\n## dangers\n\n| what Envoy 1.40 dies of |\n|---|\n";
    for case in cases_of("dangers") {
        list += &format!("| {} |\n", case.title);
    }
    list
}

/// What kills Envoy does not kill the simulator, which says so in its timeline instead.
#[test]
fn what_kills_envoy_is_said_by_the_simulator() {
    for case in cases_of("dangers") {
        assert!(simulated::run(&case, &key(0)).warned, "no word of it: {}", case.title);
        assert!(real::dies_of(&case), "Envoy lives on: {}", case.title);
        println!("dangerous: {}", case.title);
    }
}
