//! A guest that passes wrong pointers or damaged pairs gets a status, and the host lives on.

use host_sim::{EventKind, Host, Plugin};

use crate::guest::{failures, guest, pairs, wat, worker_lines};

#[test]
fn pointers_outside_of_memory_are_refused() {
    let plugin = guest(
        r#"
        (func (export "proxy_on_new_connection") (param i32) (result i32)
          (call $say #"log" (call $log (i32.const 2) (i32.const 131071) (i32.const 2)))
          (call $say #"overflow" (call $log (i32.const 2) (i32.const -1) (i32.const -1)))
          (call $say #"level" (call $log (i32.const 6) (i32.const 0) (i32.const 0)))
          (call $say #"time" (call $now (i32.const 131068)))
          (call $say #"path" (call $get_property (i32.const -8) (i32.const 9) (i32.const 0) (i32.const 4)))
          (call $say #"value" (call $get_property #"xds\00node\00id" (i32.const -4) (i32.const 4)))
          (call $say #"size" (call $get_property #"xds\00node\00id" (i32.const 0) (i32.const -4)))
          (call $say #"key" (call $set_shared (i32.const -4) (i32.const 8) (i32.const 0) (i32.const 0) (i32.const 0)))
          (call $say #"metric" (call $define_metric (i32.const 0) #"m" (i32.const 131070)))
          (call $say #"cluster" (call $http_call (i32.const -4) (i32.const 8) (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
          (i32.const 0))"#,
    );
    let builder = Host::builder(plugin).node("node", "", Default::default());
    let mut host = builder.start().unwrap();
    host.open_tcp(0, Default::default()).unwrap();
    let names = ["log", "overflow", "time", "path", "value", "size", "key", "metric", "cluster"];
    let mut expected: Vec<String> = names.iter().map(|name| format!("{name} 6")).collect();
    expected.insert(2, "level 2".to_owned());
    assert_eq!(worker_lines(&host), expected);
    assert_eq!(failures(&host), [""; 0]);
}

#[test]
fn buffers_and_maps_that_are_not_there_are_refused() {
    let plugin = guest(
        r#"
        (func $buffer (param $kind i32) (result i32)
          (call $get_buffer (local.get $kind) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 4)))
        (func (export "proxy_on_new_connection") (param i32) (result i32)
          (call $say #"downstream" (call $buffer (i32.const 2)))
          (call $say #"call" (call $buffer (i32.const 4)))
          (call $say #"grpc" (call $buffer (i32.const 5)))
          (call $say #"buffer 9" (call $buffer (i32.const 9)))
          (call $say #"overflow" (call $get_buffer (i32.const 6) (i32.const 2) (i32.const -1) (i32.const 0) (i32.const 4)))
          (i32.store (i32.const 0) (i32.const 99))
          (call $say #"beyond" (call $get_buffer (i32.const 6) (i32.const 7) (i32.const 1) (i32.const 0) (i32.const 4)))
          (call $say #"beyond has" (i32.load (i32.const 4)))
          (call $say #"beyond at" (i32.load (i32.const 0)))
          (call $say #"vm" (call $get_buffer (i32.const 6) (i32.const 1) (i32.const 9) (i32.const 0) (i32.const 4)))
          (call $tell_given)
          (call $say #"map" (call $get_pairs (i32.const 0) (i32.const 0) (i32.const 4)))
          (call $say #"map 9" (call $get_pairs (i32.const 9) (i32.const 0) (i32.const 4)))
          (i32.const 0))"#,
    );
    let mut host = Host::builder(plugin).vm_configuration("vmc").start().unwrap();
    host.open_tcp(0, Default::default()).unwrap();
    let expected = [
        "downstream 0",
        "call 1",
        "grpc 0",
        "buffer 9 2",
        "overflow 0",
        "beyond 0",
        "beyond has 0",
        "beyond at 0",
        "vm 0",
        "mc",
        "map 0",
        "map 9 2",
    ];
    assert_eq!(worker_lines(&host), expected);
}

#[test]
fn damaged_pairs_count_as_none() {
    let whole = pairs(&[("a", "b")]);
    let cut = &whole[..whole.len() - 3];
    let plugin = guest(&format!(
        r##"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (call $say #"whole" (call $set_pairs (i32.const 0) #"{whole}"))
          (call $say #"cut" (call $set_pairs (i32.const 0) #"{cut}"))
          (call $say #"too large" (call $set_pairs (i32.const 0) (i32.const 0) (i32.const 1048577)))
          (call $say #"too many" (call $set_pairs (i32.const 0) #"\01\04\00\00"))
          (call $say #"read" (call $get_pairs (i32.const 0) (i32.const 0) (i32.const 4)))
          (call $say #"bytes" (i32.load (i32.const 4)))
          (drop (memory.grow (i32.const 100)))
          (call $say #"too large" (call $set_pairs (i32.const 0) (i32.const 0) (i32.const 1048577)))
          (i32.const 0))"##
    ));
    let mut host = Host::builder(plugin).start().unwrap();
    host.open_http(0, Default::default(), vec![(b"x".to_vec(), b"y".to_vec())], true).unwrap();
    let expected =
        ["whole 0", "cut 0", "too large 6", "too many 0", "read 0", "bytes 0", "too large 0"];
    assert_eq!(worker_lines(&host), expected);
    let timeline = host.timeline();
    let is_told = |problem: &str| {
        timeline
            .iter()
            .any(|event| matches!(&event.kind, EventKind::Note { text } if text.contains(problem)))
    };
    for problem in ["the pairs end too early", "1025 pairs", "1048577 bytes of pairs"] {
        assert!(is_told(problem), "{problem}");
    }
}

#[test]
fn maps_that_are_too_large_for_the_abi_are_not_serialised() {
    let plugin = guest(
        r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (call $say #"pairs" (call $get_pairs (i32.const 0) (i32.const 0) (i32.const 4)))
          (call $say #"value" (call $get_header (i32.const 0) #"K" (i32.const 0) (i32.const 4)))
          (i32.const 0))"#,
    );
    let mut host = Host::builder(plugin).start().unwrap();
    for count in [host_sim::limits::MAX_PAIRS, host_sim::limits::MAX_PAIRS + 1] {
        let headers = vec![(b"k".to_vec(), b"v".to_vec()); count];
        host.open_http(0, Default::default(), headers, true).unwrap();
    }
    assert_eq!(worker_lines(&host), ["pairs 0", "value 0", "pairs 3", "value 0"]);
}

#[test]
fn a_guest_without_memory_gets_nothing() {
    let body = r#"(func (export "proxy_on_new_connection") (param i32) (result i32)
          (call $say #"value" (call $get_property #"xds\00node\00id" (i32.const 0) (i32.const 4)))
          (i32.const 0))"#;
    let wat = wat(body).replace("(local.get $start))", "(i32.const 0))");
    let plugin = Plugin::load(wat.as_bytes()).unwrap();
    let mut host = Host::builder(plugin).node("node", "", Default::default()).start().unwrap();
    host.open_tcp(0, Default::default()).unwrap();
    assert_eq!(worker_lines(&host), ["value 6"]);
}
