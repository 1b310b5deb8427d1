//! A server that goes away before the end of its response, with a plugin and without one.

use host_sim::{FailurePolicy, Host, HostError, StreamId};

use crate::guest::{guest, worker_lines};

/// Fails on a request of one header.
const BODY: &str = r#"
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (if (i32.eq (local.get 1) (i32.const 1)) (then (unreachable))) (i32.const 0))
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
      (call $say #"response" (local.get 1)) (i32.const 0))
    (func (export "proxy_on_log") (param i32) (call $tell #"log"))"#;

fn pair(name: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    (name.into(), value.into())
}

fn request(host: &mut Host) -> StreamId {
    let headers = vec![pair(":method", "GET"), pair(":path", "/")];
    host.open_http(0, Default::default(), headers, true).unwrap()
}

fn start() -> Host {
    Host::builder(guest(BODY)).failure_policy(FailurePolicy::FailOpen).start().unwrap()
}

fn assert_is_503(host: &mut Host, id: StreamId) {
    let exchange = host.exchange(id).unwrap();
    let response = exchange.response;
    assert_eq!(response.header(":status").as_deref(), Some("503"));
    assert_eq!(response.header("content-length"), Some(response.body.len().to_string()));
    assert!(response.body.ends_with(b"reset reason: remote reset"));
    assert!(response.complete && !exchange.reset);
}

#[test]
fn before_a_response_the_plugin_and_the_client_see_503() {
    let mut host = start();
    let id = request(&mut host);
    host.reset_by_server(id).unwrap();
    assert_eq!(worker_lines(&host), ["response 3", "log"]);
    assert_is_503(&mut host, id);
    // It is over, and nothing more comes of it.
    host.reset_by_server(id).unwrap();
    host.finish_http(id).unwrap();
    assert_eq!(worker_lines(&host).len(), 2);
    assert_eq!(host.reset_by_server(id), Err(HostError::NoStream(id)));
}

#[test]
fn in_mid_response_the_stream_is_reset() {
    let mut host = start();
    let id = request(&mut host);
    host.response_headers(id, vec![pair(":status", "200")], false).unwrap();
    host.reset_by_server(id).unwrap();
    assert_eq!(worker_lines(&host), ["response 1", "log"]);
    let exchange = host.exchange(id).unwrap();
    assert!(exchange.reset && !exchange.response.complete);
    assert_eq!(exchange.response.header(":status").as_deref(), Some("200"));
}

#[test]
fn without_a_plugin_the_client_sees_the_same() {
    let mut host = start();
    host.open_http(0, Default::default(), vec![pair(":path", "/")], true).unwrap();
    let early = request(&mut host);
    host.reset_by_server(early).unwrap();
    assert_is_503(&mut host, early);
    let late = request(&mut host);
    host.response_headers(late, vec![pair(":status", "200")], false).unwrap();
    host.reset_by_server(late).unwrap();
    let exchange = host.exchange(late).unwrap();
    assert!(exchange.reset && !exchange.response.complete);
    assert_eq!(worker_lines(&host), [""; 0]);
}
