//! HTTP streams: what the guest holds back, changes and answers, and what then comes out behind it.

use host_sim::{Direction, Exchange, FailurePolicy, Host, Sent, StreamId};

use crate::guest::{guest, host, pairs, worker_lines};

const SECOND: u64 = 1_000_000_000;

/// The root resumes the request, or, if the first byte of the stream's header `x-resume` is `r`,
/// the response of context 2 at the next tick.
const RESUME_AT_TICK: &str = r#"
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
      (drop (call $set_tick (i32.const 1000))) (i32.const 1))
    (global $resumes (mut i32) (i32.const 0))
    (func (export "proxy_on_tick") (param i32)
      (if (call $set_effective (i32.const 2)) (then (return)))
      (call $say #"resume" (call $resume (global.get $resumes))))
"#;

fn pair(name: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    (name.into(), value.into())
}

fn open(host: &mut Host, end: bool) -> StreamId {
    let headers = vec![pair(":path", "/"), pair(":method", "POST")];
    host.open_http(0, Default::default(), headers, end).unwrap()
}

fn respond(host: &mut Host, id: StreamId) {
    host.response_headers(id, vec![pair(":status", "200")], false).unwrap();
    host.send(id, Direction::FromUpstream, b"answer".to_vec(), true).unwrap();
}

/// Whether headers have left, which data, and whether the end has.
fn seen(sent: &Sent) -> (bool, &str, bool) {
    (sent.headers.is_some(), std::str::from_utf8(&sent.body).unwrap(), sent.complete)
}

fn request(host: &mut Host, id: StreamId) -> Sent {
    host.exchange(id).unwrap().request
}

#[test]
fn what_nobody_touches_moves_on_at_once() {
    let mut host = host("");
    let id = open(&mut host, false);
    assert_eq!(seen(&request(&mut host, id)), (true, "", false));
    host.send(id, Direction::FromDownstream, b"ab".to_vec(), false).unwrap();
    host.send(id, Direction::FromDownstream, b"c".to_vec(), false).unwrap();
    host.request_trailers(id, vec![pair("t", "1")]).unwrap();
    respond(&mut host, id);
    let Exchange { request, response, reset, .. } = host.exchange(id).unwrap();
    assert_eq!(seen(&request), (true, "abc", true));
    assert_eq!(request.trailers, Some(vec![pair("t", "1")]));
    assert_eq!(seen(&response), (true, "answer", true));
    assert_eq!(response.header(":status").as_deref(), Some("200"));
    assert!(!reset);
}

#[test]
fn headers_that_are_held_hold_all_that_follows() {
    for answer in [1, 2, 3, 4, 99] {
        let mut host = host(&format!(
            r#"{RESUME_AT_TICK}
            (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
              (i32.const {answer}))
            (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
              (call $say #"body" (local.get 1)) (call $say #"end" (local.get 2)) (i32.const 0))
            (func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
              (call $say #"trailers" (local.get 1)) (i32.const 0))"#
        ));
        let id = open(&mut host, false);
        host.send(id, Direction::FromDownstream, b"ab".to_vec(), false).unwrap();
        host.send(id, Direction::FromDownstream, b"c".to_vec(), false).unwrap();
        host.request_trailers(id, vec![pair("t", "1")]).unwrap();
        assert_eq!(seen(&request(&mut host, id)), (false, "", false));
        host.advance(SECOND).unwrap();
        assert_eq!(worker_lines(&host), ["resume 0", "body 3", "end 0", "trailers 1"]);
        assert_eq!(seen(&request(&mut host, id)), (true, "abc", true));
        // Nothing is held any more.
        host.advance(SECOND).unwrap();
        assert_eq!(worker_lines(&host)[4..], ["resume 0"]);
    }
}

#[test]
fn a_request_of_headers_only_can_be_held_too() {
    let mut host = host(&format!(
        r#"{RESUME_AT_TICK}
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 1))"#
    ));
    let id = open(&mut host, true);
    assert_eq!(seen(&request(&mut host, id)), (false, "", false));
    host.advance(SECOND).unwrap();
    assert_eq!(seen(&request(&mut host, id)), (true, "", true));
}

#[test]
fn resuming_what_is_not_held_sends_the_headers_and_no_more() {
    // As in Envoy: the request leaves, and the pause that comes after holds the rest.
    let mut host = host(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             (call $say #"resume" (call $resume (i32.const 0)))
             (call $say #"path" (call $get_header (i32.const 0) #":path" (i32.const 0) (i32.const 4)))
             (i32.const 1))"#,
    );
    let id = open(&mut host, false);
    host.send(id, Direction::FromDownstream, b"ab".to_vec(), true).unwrap();
    assert_eq!(seen(&request(&mut host, id)), (true, "", false));
    assert_eq!(worker_lines(&host), ["resume 0", "path 2"]);
}

/// Answers to data before the end with this, and goes on with the last.
fn at_data(status: u32, at_end: &str) -> Host {
    host(&format!(
        r#"(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
             (call $say #"sees" (local.get 1))
             (if (i32.eqz (local.get 2)) (then (return (i32.const {status}))))
             {at_end}
             (i32.const 0))"#
    ))
}

fn send_three(host: &mut Host) -> StreamId {
    let id = open(host, false);
    for (text, end) in [("ab", false), ("c", false), ("de", true)] {
        host.send(id, Direction::FromDownstream, text.into(), end).unwrap();
    }
    id
}

#[test]
fn data_is_buffered_watermarked_or_taken() {
    for (status, lines, body) in [
        (0, ["sees 2", "sees 1", "sees 2"], "abcde"),
        (1, ["sees 2", "sees 3", "sees 5"], "abcde"),
        (2, ["sees 2", "sees 1", "sees 2"], "abcde"),
        (3, ["sees 2", "sees 1", "sees 2"], "de"),
        (9, ["sees 2", "sees 1", "sees 2"], "de"),
    ] {
        let mut host = at_data(status, "");
        let id = send_three(&mut host);
        assert_eq!(worker_lines(&host), lines, "{status}");
        assert_eq!(seen(&request(&mut host, id)), (true, body, true), "{status}");
    }
}

#[test]
fn a_body_can_be_replaced_and_added_to() {
    let replaced =
        r#"(call $say #"set" (call $set_buffer (i32.const 0) (i32.const 0) (i32.const 5) #"new"))"#;
    let added = r#"(call $say #"set" (call $set_buffer (i32.const 0) (i32.const 0) (i32.const 0) #"<"))
        (call $say #"set" (call $set_buffer (i32.const 0) (i32.const 99) (i32.const 0) #">"))
        (call $say #"set" (call $set_buffer (i32.const 0) (i32.const 1) (i32.const 1) #"!"))"#;
    for (change, lines, body) in
        [(replaced, &["set 0"][..], "new"), (added, &["set 0", "set 0", "set 2"], "<abcde>")]
    {
        let mut host = at_data(1, change);
        let id = send_three(&mut host);
        assert_eq!(worker_lines(&host)[3..], *lines);
        assert_eq!(seen(&request(&mut host, id)), (true, body, true));
    }
}

#[test]
fn a_body_that_is_not_buffered_changes_chunk_by_chunk() {
    let mut host = host(
        r#"(func (export "proxy_on_response_body") (param i32 i32 i32) (result i32)
             (drop (call $set_buffer (i32.const 1) (i32.const 0) (local.get 1) #"x"))
             (call $say #"request" (call $set_buffer (i32.const 0) (i32.const 0) (i32.const 0) #"x"))
             (i32.const 0))"#,
    );
    let id = open(&mut host, true);
    host.response_headers(id, vec![pair(":status", "200")], false).unwrap();
    for end in [false, true] {
        host.send(id, Direction::FromUpstream, b"chunk".to_vec(), end).unwrap();
    }
    assert_eq!(seen(&host.exchange(id).unwrap().response), (true, "xx", true));
    assert_eq!(worker_lines(&host), ["request 2", "request 2"]);
}

#[test]
fn the_last_data_can_be_given_trailers() {
    let mut host = host(
        r#"(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
             (call $say #"add" (call $add_header (i32.const 1) #"Sum" #"7")) (i32.const 0))"#,
    );
    let id = open(&mut host, false);
    host.send(id, Direction::FromDownstream, b"a".to_vec(), false).unwrap();
    host.send(id, Direction::FromDownstream, b"b".to_vec(), true).unwrap();
    assert_eq!(worker_lines(&host), ["add 2", "add 0"]);
    let request = request(&mut host, id);
    assert_eq!(request.trailers, Some(vec![pair("sum", "7")]));
    assert!(request.complete);
}

#[test]
fn trailers_can_be_changed_and_held_with_what_is_buffered() {
    let mut host = host(&format!(
        r#"{RESUME_AT_TICK}
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (i32.const 1))
        (func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
          (call $say #"trailers" (local.get 1))
          (drop (call $replace_header (i32.const 1) #"t" #"2"))
          (call $say #"body" (call $get_buffer (i32.const 0) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 4)))
          (call $tell_given)
          (i32.const 1))"#
    ));
    let id = open(&mut host, false);
    host.send(id, Direction::FromDownstream, b"ab".to_vec(), false).unwrap();
    host.request_trailers(id, vec![pair("t", "1")]).unwrap();
    assert_eq!(worker_lines(&host), ["trailers 1", "body 0", "ab"]);
    assert_eq!(seen(&request(&mut host, id)), (true, "", false));
    host.advance(SECOND).unwrap();
    let request = request(&mut host, id);
    assert_eq!(seen(&request), (true, "ab", true));
    assert_eq!(request.trailers, Some(vec![pair("t", "2")]));
}

#[test]
fn headers_can_be_read_in_their_own_callback_while_held_and_in_the_log() {
    let look = r#"(func $look (param $text i32) (param $size i32)
        (call $say (local.get $text) (local.get $size)
          (call $get_header (i32.const 0) #":path" (i32.const 0) (i32.const 4)))
        (call $tell_property #"request\00path"))"#;
    let body = |answer: u32| {
        format!(
            r#"{look}
            (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
              (call $look #"request") (i32.const {answer}))
            (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
              (call $look #"response") (i32.const 0))
            (func (export "proxy_on_log") (param i32) (call $look #"log")
              (call $say #"size" (call $map_size (i32.const 0) (i32.const 4)))
              (call $say #"absent" (call $get_header (i32.const 2) #"x" (i32.const 0) (i32.const 4)))
              (call $say #"trailers" (call $get_header (i32.const 1) #"x" (i32.const 0) (i32.const 4))))
            (func (export "proxy_on_done") (param i32) (result i32) (call $look #"done") (i32.const 1))"#
        )
    };
    let run = |answer| {
        let mut host = host(&body(answer));
        let id = open(&mut host, true);
        host.response_headers(id, vec![pair(":status", "200")], true).unwrap();
        host.finish_http(id).unwrap();
        worker_lines(&host)
    };
    let gone = "request\0path 1";
    let log = ["log 0", "/"];
    // Measured with Envoy 1.40.
    let expected = [
        &["request 0", "/", "response 2", gone][..],
        &log,
        &["size 2", "absent 1", "trailers 1", "done 2", gone],
    ];
    assert_eq!(run(0), expected.concat());
    let expected = [
        &["request 0", "/", "response 0", "/"][..],
        &log,
        &["size 0", "absent 1", "trailers 1", "done 0", "/"],
    ];
    assert_eq!(run(1), expected.concat());
}

const CALLBACKS_AND_ANSWER: &str = r#"
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
      (call $say #"response headers" (local.get 1)) (call $say #"end" (local.get 2)) (i32.const 0))
    (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32)
      (call $say #"response body" (local.get 1)) (call $say #"end" (local.get 2)) (i32.const 0))
    (func (export "proxy_on_log") (param i32) (call $tell #"log"))
    (func (export "proxy_on_done") (param i32) (result i32) (call $tell #"done") (i32.const 1))
    (func (export "proxy_on_delete") (param i32) (call $tell #"delete"))
"#;

#[test]
fn an_answer_of_the_guest_passes_it_and_ends_the_stream() {
    let extra = pairs(&[("X-Why", "policy")]);
    let mut host = host(&format!(
        r##"{CALLBACKS_AND_ANSWER}
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (call $say #"answer" (call $local_response (i32.const 403) #"details" #"no" #"{extra}" (i32.const -1)))
          (i32.const 0))
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
          (call $tell #"unreachable") (i32.const 0))"##
    ));
    let id = open(&mut host, false);
    let expected = [
        "answer 0",
        "response headers 4",
        "end 0",
        "response body 2",
        "end 1",
        "log",
        "done",
        "delete",
    ];
    assert_eq!(worker_lines(&host), expected);
    // The peers do not know yet, and what they send leads nowhere.
    host.send(id, Direction::FromDownstream, b"ab".to_vec(), true).unwrap();
    respond(&mut host, id);
    let Exchange { request, response, reset, .. } = host.exchange(id).unwrap();
    assert_eq!(seen(&request), (false, "", false));
    assert_eq!(seen(&response), (true, "no", true));
    let header = |name: &str| response.header(name).unwrap_or_default();
    assert_eq!(
        [header(":status"), header("x-why"), header("content-length"), header("content-type")],
        ["403", "policy", "2", "text/plain"]
    );
    assert!(!reset);
    host.finish_http(id).unwrap();
    assert_eq!(worker_lines(&host), expected);
}

#[test]
fn an_answer_to_grpc_is_all_headers() {
    for (given, said) in [("-1", "7"), ("5", "5"), ("17", "7")] {
        let mut host = host(&format!(
            r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
                 (drop (call $local_response (i32.const 403) (i32.const 0) (i32.const 0) #"no"
                   (i32.const 0) (i32.const 0) (i32.const {given})))
                 (i32.const 1))"#
        ));
        let headers = vec![pair(":path", "/"), pair("content-type", "application/grpc")];
        let id = host.open_http(0, Default::default(), headers, false).unwrap();
        let response = host.exchange(id).unwrap().response;
        assert_eq!(seen(&response), (true, "", true));
        let header = |name: &str| response.header(name).unwrap_or_default();
        assert_eq!([header(":status"), header("grpc-message")], ["200", "no"]);
        assert_eq!(header("grpc-status"), said, "{given}");
    }
}

/// Answers 500 in this callback of the response.
fn answer_late(callback: &str) -> (Vec<String>, Exchange) {
    let other = if callback == "headers" { "body" } else { "headers" };
    let mut host = host(&format!(
        r#"(func (export "proxy_on_response_{callback}") (param i32 i32 i32) (result i32)
             (call $tell #"{callback}")
             (drop (call $local_response (i32.const 500) (i32.const 0) (i32.const 0) #"late"
               (i32.const 0) (i32.const 0) (i32.const -1)))
             (i32.const 0))
           (func (export "proxy_on_response_{other}") (param i32 i32 i32) (result i32)
             (call $tell #"{other}") (i32.const 0))
           (func (export "proxy_on_log") (param i32) (call $tell #"log"))"#
    ));
    let id = open(&mut host, true);
    respond(&mut host, id);
    let exchange = host.exchange(id).unwrap();
    (worker_lines(&host), exchange)
}

#[test]
fn an_answer_in_place_of_a_response_goes_past_the_guest() {
    let (lines, exchange) = answer_late("headers");
    assert_eq!(lines, ["headers", "log"]);
    assert_eq!(seen(&exchange.response), (true, "late", true));
    assert_eq!(exchange.response.header(":status").as_deref(), Some("500"));
    assert!(!exchange.reset);
}

#[test]
fn an_answer_after_the_headers_have_left_resets_the_stream() {
    let (lines, exchange) = answer_late("body");
    assert_eq!(lines, ["headers", "body", "log"]);
    assert_eq!(seen(&exchange.response), (true, "", false));
    assert!(exchange.reset);
}

#[test]
fn an_answer_that_the_guest_holds_back_waits() {
    let mut host = host(&format!(
        r#"{RESUME_AT_TICK}
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (global.set $resumes (i32.const 1))
          (drop (call $local_response (i32.const 403) (i32.const 0) (i32.const 0) #"no"
            (i32.const 0) (i32.const 0) (i32.const -1)))
          (i32.const 0))
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 1))
        (func (export "proxy_on_log") (param i32) (call $tell #"log"))"#
    ));
    let id = open(&mut host, true);
    assert_eq!(seen(&host.exchange(id).unwrap().response), (false, "", false));
    host.advance(SECOND).unwrap();
    assert_eq!(worker_lines(&host), ["resume 0", "log"]);
    assert_eq!(seen(&host.exchange(id).unwrap().response), (true, "no", true));
}

#[test]
fn a_stream_that_the_guest_closes_is_reset() {
    let mut host = host(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             (call $say #"close" (call $close (i32.const 0))) (i32.const 0))
           (func (export "proxy_on_log") (param i32) (call $tell #"log"))
           (func (export "proxy_on_done") (param i32) (result i32) (call $tell #"done") (i32.const 1))"#,
    );
    let id = open(&mut host, true);
    respond(&mut host, id);
    let exchange = host.exchange(id).unwrap();
    assert!(exchange.reset);
    assert_eq!(seen(&exchange.request), (false, "", false));
    assert_eq!(worker_lines(&host), ["close 0", "log", "done"]);
}

#[test]
fn a_stream_whose_guest_fails_is_refused_and_the_next_may_pass_by() {
    let fragile = r#"
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
          (if (local.get 2) (then (unreachable))) (i32.const 1))"#;
    let run = |policy| {
        let builder = Host::builder(guest(fragile)).failure_policy(policy);
        let mut host = builder.start().unwrap();
        let mut ids = Vec::new();
        for _ in 0..2 {
            let id = open(&mut host, false);
            host.send(id, Direction::FromDownstream, b"ab".to_vec(), false).unwrap();
            host.send(id, Direction::FromDownstream, b"c".to_vec(), true).unwrap();
            respond(&mut host, id);
            ids.push(id);
        }
        ids.map_exchange(&mut host)
    };
    for policy in [FailurePolicy::FailClosed, FailurePolicy::FailReload] {
        for exchange in run(policy) {
            assert_eq!(exchange.response.header(":status").as_deref(), Some("503"));
            assert_eq!(exchange.request.body_bytes, 0);
        }
    }
    let [first, second] = run(FailurePolicy::FailOpen).try_into().unwrap();
    assert_eq!(first.response.header(":status").as_deref(), Some("503"));
    assert_eq!(second.response.header(":status").as_deref(), Some("200"));
    assert_eq!(seen(&second.response), (true, "answer", true));
    assert!(second.request.complete);
}

trait MapExchange {
    fn map_exchange(self, host: &mut Host) -> Vec<Exchange>;
}

impl MapExchange for Vec<StreamId> {
    fn map_exchange(self, host: &mut Host) -> Vec<Exchange> {
        self.into_iter().map(|id| host.exchange(id).unwrap()).collect()
    }
}
