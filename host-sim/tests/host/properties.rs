//! Which properties a guest can read, and when.

use host_sim::{Direction, Host, Peer, Properties, PropertyValue, Thread};

use crate::guest::{guest, lines_of, worker_lines};

/// Tells, wherever it is called, what it can read; numbers are statuses.
const LOOK: &str = r#"
    (func $look (param $text i32) (param $size i32)
      (call $tell (local.get $text) (local.get $size))
      (call $tell_property #"xds\00node\00id")
      (call $tell_property #"xds\00node\00metadata\00app")
      (call $tell_property #"source\00address")
      (call $tell_property #"xds\00cluster_name")
      (call $tell_property #"upstream\00address"))
"#;

fn start(body: &str) -> Host {
    let metadata = Properties::new().with(&["app"], "frontend").with(&["port"], 80);
    let plugin = guest(&format!("{LOOK}{body}"));
    Host::builder(plugin).node("node-1", "mesh", metadata).start().unwrap()
}

fn stream() -> Properties {
    Properties::new()
        .with(&["source", "address"], "10.0.0.1:5")
        .with(&["xds", "cluster_name"], "backend")
        .with(&["xds", "listener_direction"], 2)
        .with(&["upstream", "address"], "10.0.0.2:6")
}

/// What `$look` tells: the node always, then address, cluster and upstream.
fn look(place: &str, rest: [&str; 3]) -> Vec<String> {
    let node = [place, "node-1", "frontend"];
    node.iter().chain(&rest).map(|line| (*line).to_owned()).collect()
}

const NONE: [&str; 3] = ["source\0address 1", "xds\0cluster_name 1", "upstream\0address 1"];
const ALL: [&str; 3] = ["10.0.0.1:5", "backend", "10.0.0.2:6"];

#[test]
fn a_connection_learns_its_upstream() {
    let mut host = start(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
             (call $look #"root") (i32.const 1))
           (func (export "proxy_on_new_connection") (param i32) (result i32)
             (call $look #"new") (i32.const 0))
           (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32)
             (call $look #"data") (i32.const 0))
           (func (export "proxy_on_log") (param i32) (call $look #"log"))"#,
    );
    let id = host.open_tcp(0, stream()).unwrap();
    host.send(id, Direction::FromDownstream, vec![1], false).unwrap();
    host.close_tcp(id, Peer::Remote).unwrap();
    let expected = [
        look("root", NONE),
        look("new", ["10.0.0.1:5", "xds\0cluster_name 1", "upstream\0address 1"]),
        look("data", ALL),
        look("log", ALL),
    ];
    assert_eq!(worker_lines(&host), expected.concat());
    assert_eq!(lines_of(&host, Thread::Main), look("root", NONE));
}

#[test]
fn a_request_learns_its_upstream_later_than_its_cluster() {
    let mut host = start(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             (call $look #"request") (call $tell_property #"request\00path") (i32.const 0))
           (func (export "proxy_on_log") (param i32)
             (call $look #"log")
             (call $tell_property #"request\00headers\00X-App"))"#,
    );
    let headers = vec![(b":path".to_vec(), b"/a".to_vec()), (b"x-app".to_vec(), b"shop".to_vec())];
    let id = host.open_http(0, stream(), headers, true).unwrap();
    host.response_headers(id, vec![], true).unwrap();
    host.finish_http(id).unwrap();
    let expected = [
        look("request", ["10.0.0.1:5", "backend", "upstream\0address 1"]),
        vec!["/a".to_owned()],
        look("log", ALL),
        vec!["shop".to_owned()],
    ];
    assert_eq!(worker_lines(&host), expected.concat());
}

#[test]
fn a_root_reads_a_live_stream_through_its_context() {
    let mut host = start(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
             (drop (call $set_tick (i32.const 1000))) (i32.const 1))
           (func (export "proxy_on_tick") (param i32)
             (call $say #"effective" (call $set_effective (i32.const 2)))
             (call $look #"tick"))"#,
    );
    host.advance(1_000_000_000).unwrap();
    let id = host.open_tcp(0, stream()).unwrap();
    host.advance(1_000_000_000).unwrap();
    host.set_properties(id, Properties::new().with(&["source", "address"], "known later")).unwrap();
    host.advance(1_000_000_000).unwrap();
    host.close_tcp(id, Peer::Remote).unwrap();
    host.advance(1_000_000_000).unwrap();
    let tick =
        |status: &str, rest| [vec![format!("effective {status}")], look("tick", rest)].concat();
    let later = ["known later", "backend", "10.0.0.2:6"];
    let expected = [tick("2", NONE), tick("0", ALL), tick("0", later), tick("2", NONE)];
    assert_eq!(worker_lines(&host), expected.concat());
}

#[test]
fn numbers_have_eight_bytes_and_a_guest_can_set_its_own() {
    let mut host = start(
        r#"(func (export "proxy_on_new_connection") (param i32) (result i32)
             (drop (call $get_property #"xds\00listener_direction" (i32.const 0) (i32.const 4)))
             (call $say #"bytes" (i32.load (i32.const 4)))
             (call $say #"direction" (i32.load (i32.load (i32.const 0))))
             (drop (call $get_property #"connection\00id" (i32.const 0) (i32.const 4)))
             (call $say #"connection" (i32.load (i32.load (i32.const 0))))
             (call $say #"set" (call $set_property #"my\00own" #"value"))
             (call $tell_property #"my\00own")
             (call $say #"set" (call $set_property #"own" #"value"))
             (call $tell_property #"own")
             (call $tell_property #"own\00")
             (i32.const 0))
           (func (export "proxy_on_configure") (param i32 i32) (result i32)
             (call $say #"root sets" (call $set_property #"my\00own" #"value"))
             (drop (call $get_property #"xds\00node\00metadata\00port" (i32.const 0) (i32.const 4)))
             (call $say #"is a double" (f64.eq (f64.load (i32.load (i32.const 0))) (f64.const 80)))
             (i32.const 1))"#,
    );
    host.open_tcp(0, stream().with(&["x"], PropertyValue::Bool(true))).unwrap();
    let expected = [
        "root sets 1",
        "is a double 1",
        "bytes 8",
        "direction 2",
        "connection 1",
        "set 0",
        "my\0own 1",
        "set 0",
        "value",
        "value",
    ];
    assert_eq!(worker_lines(&host), expected);
}
