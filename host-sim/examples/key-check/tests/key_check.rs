//! The plugin's tests: by host-sim's library, and by a scenario that `host-sim init` began.
//! `cargo xtask test` builds the plugin and says where it is.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy allows these in test functions, not in what they share"
)]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use host_sim::{
    Cluster, Direction, Fault, Host, Plugin, Properties, Reply, SECOND_NS, StreamId, pairs,
};

fn start(keys: Cluster) -> Host {
    let plugin = Plugin::load(&std::fs::read(path("KEY_CHECK_WASM")).unwrap()).unwrap();
    Host::builder(plugin).configuration("keys").cluster("keys", keys).start().unwrap()
}

fn ask(host: &mut Host, key: Option<&str>) -> StreamId {
    let mut headers = vec![(":method", "POST"), (":path", "/orders"), (":authority", "shop")];
    headers.extend(key.map(|key| ("x-api-key", key)));
    host.open_http(0, Properties::new(), pairs(headers), false).unwrap()
}

fn ann() -> Cluster {
    Cluster::reply(Reply::new(200).with_body("ann").unwrap()).latency_ns(SECOND_NS / 10)
}

#[test]
fn a_request_waits_for_its_key_and_keeps_its_body() {
    let mut host = start(ann());
    let stream = ask(&mut host, Some("k1"));
    host.send(stream, Direction::FromDownstream, b"two apples".to_vec(), true).unwrap();
    assert_eq!(host.exchange(stream).unwrap().request.headers, None);

    host.advance(SECOND_NS).unwrap();
    let request = host.exchange(stream).unwrap().request;
    assert_eq!(request.header("x-key-owner").as_deref(), Some("ann"));
    assert_eq!(request.body, b"two apples");
    assert_eq!(host.callouts()[0].request.header(":path").as_deref(), Some("/keys/k1"));
}

#[test]
fn a_request_without_a_key_is_refused_and_nobody_is_asked() {
    let mut host = start(ann());
    let stream = ask(&mut host, None);
    let exchange = host.exchange(stream).unwrap();
    assert_eq!(exchange.response.header(":status").as_deref(), Some("401"));
    assert_eq!(exchange.request.headers, None);
    assert!(host.callouts().is_empty());
    assert_eq!(host.metrics()["key_check.refused"].value, 1);
}

#[test]
fn without_an_answer_a_request_is_refused_in_time() {
    for fault in [Fault::Timeout, Fault::Reset, Fault::Status(500), Fault::InternalFailure] {
        let mut keys = ann();
        keys.script([fault]);
        let mut host = start(keys);
        let stream = ask(&mut host, Some("k1"));
        host.advance(SECOND_NS / 2).unwrap();
        let exchange = host.exchange(stream).unwrap();
        assert_eq!(exchange.response.header(":status").as_deref(), Some("503"));
        assert_eq!(host.logs().last().unwrap().message.split(':').next(), Some("refused with 503"));
    }
}

#[test]
fn a_configuration_without_a_cluster_is_refused() {
    let plugin = Plugin::load(&std::fs::read(path("KEY_CHECK_WASM")).unwrap()).unwrap();
    let failure = Host::builder(plugin).start().err().unwrap();
    let said = failure.timeline.iter().map(ToString::to_string).collect::<String>();
    assert!(said.contains("the configuration names no cluster"), "{failure}: {said}");
}

#[test]
fn a_first_scenario_holds_as_it_is_written_and_the_completed_one_too() {
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("key_check.wasm");
    std::fs::copy(path("KEY_CHECK_WASM"), &module).unwrap();
    let first = folder.path().join("key_check.yaml");
    let init = ["init".as_ref(), module.as_path(), "--configuration".as_ref(), "keys".as_ref()];
    host_sim(&init);
    let output = host_sim(&["run".as_ref(), &first]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("refused with 401: no key"), "{said}");

    let completed = Path::new(env!("CARGO_MANIFEST_DIR")).join("key-check.yaml");
    let plugin = ["--plugin".as_ref(), module.as_path()];
    let output = host_sim(&["test".as_ref(), &completed, plugin[0], plugin[1]]);
    let summary = String::from_utf8(output.stdout).unwrap();
    assert!(summary.contains("3 passed, 0 failed"), "{summary}");
}

fn host_sim(arguments: &[&Path]) -> Output {
    let output = Command::new(path("HOST_SIM_BIN")).args(arguments).output().unwrap();
    let said = [&output.stdout[..], &output.stderr].concat();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said));
    output
}

fn path(variable: &str) -> PathBuf {
    let path = std::env::var_os(variable).map(PathBuf::from);
    path.unwrap_or_else(|| panic!("{variable} is not set: run this by `cargo xtask test`"))
}
