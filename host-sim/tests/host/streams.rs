//! Streams: the order of their callbacks, their buffers, headers and sizes.

use host_sim::{Direction, EventKind, HostError, Peer, StreamId};

use crate::guest::{host, worker_lines};

const EVERY_CALLBACK: &str = r#"
    (func $end (param i32 i32 i32) (call $say (local.get 0) (local.get 1) (local.get 2)))
    (func (export "proxy_on_context_create") (param i32 i32) (call $say #"create" (local.get 0)))
    (func (export "proxy_on_new_connection") (param i32) (result i32) (call $tell #"new") (i32.const 0))
    (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32)
      (call $say #"downstream" (local.get 1)) (call $say #"end" (local.get 2)) (i32.const 0))
    (func (export "proxy_on_upstream_data") (param i32 i32 i32) (result i32)
      (call $say #"upstream" (local.get 1)) (call $say #"end" (local.get 2)) (i32.const 0))
    (func (export "proxy_on_downstream_connection_close") (param i32 i32)
      (call $say #"downstream closed by" (local.get 1)))
    (func (export "proxy_on_upstream_connection_close") (param i32 i32)
      (call $say #"upstream closed by" (local.get 1)))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (call $say #"request headers" (local.get 1)) (call $say #"end" (local.get 2)) (i32.const 0))
    (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
      (call $say #"request body" (local.get 1)) (call $say #"end" (local.get 2)) (i32.const 0))
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
      (call $say #"response headers" (local.get 1)) (call $say #"end" (local.get 2)) (i32.const 0))
    (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32)
      (call $say #"response body" (local.get 1)) (call $say #"end" (local.get 2)) (i32.const 0))
    (func (export "proxy_on_log") (param i32) (call $tell #"log"))
    (func (export "proxy_on_done") (param i32) (result i32) (call $tell #"done") (i32.const 0))
    (func (export "proxy_on_delete") (param i32) (call $say #"delete" (local.get 0)))
"#;

fn pair(name: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    (name.into(), value.into())
}

#[test]
fn a_connection_is_done_before_it_is_logged() {
    let mut host = host(EVERY_CALLBACK);
    let id = host.open_tcp(0, Default::default()).unwrap();
    host.send(id, Direction::FromDownstream, vec![0; 10], true).unwrap();
    host.send(id, Direction::FromUpstream, vec![0; 20], true).unwrap();
    host.close_tcp(id, Peer::Remote).unwrap();
    let expected = [
        "create 1",
        "create 2",
        "new",
        "downstream 10",
        "end 1",
        "upstream 20",
        "end 1",
        "upstream closed by 0",
        "downstream closed by 2",
        "done",
        "log",
        "delete 2",
    ];
    assert_eq!(worker_lines(&host), expected);
    let closed = EventKind::StreamClosed { stream: 1, downstream_bytes: 10, upstream_bytes: 20 };
    assert_eq!(host.timeline().last().unwrap().kind, closed);
    assert_eq!(host.close_tcp(id, Peer::Remote), Err(HostError::NoStream(StreamId(1))));
}

#[test]
fn a_request_is_logged_before_it_is_done() {
    let mut host = host(EVERY_CALLBACK);
    let request = vec![pair(":path", "/"), pair(":method", "POST")];
    let id = host.open_http(0, Default::default(), request, false).unwrap();
    host.send(id, Direction::FromDownstream, vec![0; 10], true).unwrap();
    host.response_headers(id, vec![pair(":status", "200")], false).unwrap();
    host.send(id, Direction::FromUpstream, vec![0; 20], true).unwrap();
    assert_eq!(host.close_tcp(id, Peer::Remote), Err(HostError::WrongKind(id)));
    host.finish_http(id).unwrap();
    let expected = [
        "create 1",
        "create 2",
        "request headers 2",
        "end 0",
        "request body 10",
        "end 1",
        "response headers 1",
        "end 0",
        "response body 20",
        "end 1",
        "log",
        "done",
        "delete 2",
    ];
    assert_eq!(worker_lines(&host), expected);
}

#[test]
fn main_and_missing_workers_take_no_traffic() {
    let mut host = host("");
    assert_eq!(host.workers(), 1);
    assert_eq!(host.open_tcp(1, Default::default()), Err(HostError::NoWorker(1)));
}

#[test]
fn held_data_comes_again_until_it_moves_on() {
    let mut host = host(
        r#"(func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32)
             (call $say #"size" (local.get 1))
             (drop (call $get_buffer (i32.const 2) (i32.const 0) (i32.const 99) (i32.const 0) (i32.const 4)))
             (call $tell_given)
             (i32.lt_u (local.get 1) (i32.const 6)))
           (func (export "proxy_on_upstream_data") (param i32 i32 i32) (result i32)
             (call $say #"resume" (call $resume (i32.const 2))) (i32.const 0))"#,
    );
    let id = host.open_tcp(0, Default::default()).unwrap();
    let down = |host: &mut host_sim::Host, text: &str| {
        host.send(id, Direction::FromDownstream, text.into(), false).unwrap();
    };
    down(&mut host, "abc");
    down(&mut host, "def");
    down(&mut host, "g");
    host.send(id, Direction::FromUpstream, vec![0], false).unwrap();
    down(&mut host, "h");
    let expected = ["size 3", "abc", "size 6", "abcdef", "size 1", "g", "resume 0", "size 1", "h"];
    assert_eq!(worker_lines(&host), expected);
}

#[test]
fn headers_are_found_whatever_their_case_and_can_be_changed() {
    let mut host = host(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             (call $say #"find" (call $get_header (i32.const 0) #"X-App" (i32.const 0) (i32.const 4)))
             (call $tell_given)
             (call $say #"add" (call $add_header (i32.const 0) #"x-app" #"two"))
             (call $say #"replace" (call $replace_header (i32.const 0) #"X-APP" #"three"))
             (call $say #"response" (call $get_header (i32.const 2) #"x-app" (i32.const 0) (i32.const 4)))
             (call $say #"absent" (call $get_header (i32.const 0) #"nope" (i32.const 0) (i32.const 4)))
             (call $say #"pairs" (call $get_pairs (i32.const 0) (i32.const 0) (i32.const 4)))
             (call $tell (i32.add (i32.load (i32.const 0)) (i32.const 12)) (i32.const 5))
             (i32.const 0))"#,
    );
    host.open_http(0, Default::default(), vec![pair("x-app", "one")], true).unwrap();
    let expected =
        ["find 0", "one", "add 0", "replace 0", "response 2", "absent 1", "pairs 0", "x-app"];
    assert_eq!(worker_lines(&host), expected);
}

#[test]
fn total_size_grows_with_the_stream_and_loses_the_headers_at_the_end() {
    let size = r#"
        (func $size (param $text i32) (param $length i32)
          (drop (call $get_property #"request\00total_size" (i32.const 0) (i32.const 4)))
          (call $say (local.get $text) (local.get $length) (i32.load (i32.load (i32.const 0)))))"#;
    let mut host = host(&format!(
        r##"{size}
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (call $size #"headers") (i32.const 0))
        (func (export "proxy_on_new_connection") (param i32) (result i32)
          (call $size #"new") (i32.const 0))
        (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32)
          (call $size #"data") (i32.const 0))
        (func (export "proxy_on_log") (param i32) (call $size #"log"))
        (func (export "proxy_on_done") (param i32) (result i32) (call $size #"done") (i32.const 1))"##
    ));
    let id = host.open_http(0, Default::default(), vec![pair("abc", "de")], false).unwrap();
    host.send(id, Direction::FromDownstream, vec![0; 100], true).unwrap();
    host.finish_http(id).unwrap();
    assert_eq!(worker_lines(&host), ["headers 5", "log 105", "done 100"]);

    let id = host.open_tcp(0, Default::default()).unwrap();
    host.send(id, Direction::FromDownstream, vec![0; 7], false).unwrap();
    host.send(id, Direction::FromDownstream, vec![0; 8], false).unwrap();
    assert_eq!(worker_lines(&host)[3..], ["new 0", "data 7", "data 15"]);
}

#[test]
fn what_a_guest_does_to_a_stream_is_noted() {
    let mut host = host(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             (call $say #"close" (call $close (i32.const 0)))
             (call $say #"answer" (call $local_response (i32.const 403) (i32.const 0) (i32.const 0)
               #"no" (i32.const 0) (i32.const 0) (i32.const -1)))
             (i32.const 1))
           (func (export "proxy_on_configure") (param i32 i32) (result i32)
             (call $say #"at root" (call $close (i32.const 0)))
             (call $say #"unknown" (call $close (i32.const 4)))
             (i32.const 1))"#,
    );
    host.open_http(0, Default::default(), vec![], true).unwrap();
    assert_eq!(worker_lines(&host), ["at root 0", "unknown 2", "close 0", "answer 0"]);
    let timeline = host.timeline();
    let actions: Vec<&str> = timeline
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::StreamAction { stream_context: 2, action } => Some(action.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(actions, ["request closed by the plugin", "answered 403 by the plugin, 2 bytes"]);
}
