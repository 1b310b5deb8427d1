//! HTTP calls: what they need, how they are answered, and what the guest sees of each fault.

use std::{cell::RefCell, rc::Rc};

use host_sim::{
    Backend, CallRequest, CallResponse, Cluster, FailurePolicy, Fault, Host, Outcome, Reply, Thread,
};

use crate::guest::{echo, guest, lines, pairs, worker_lines};

const SECOND: u64 = 1_000_000_000;

/// Calls `svc` with a timeout of two seconds on each chunk of a connection; the chunk is the body.
fn caller() -> String {
    let headers = [(":method", "POST"), (":path", "/p"), (":authority", "a"), ("x-a", "1")];
    body(&pairs(&headers), "svc", 2000)
}

fn body(headers: &str, cluster: &str, timeout_ms: u32) -> String {
    let header_bytes = headers.len() / 3;
    assert!(header_bytes < 1000);
    format!(
        r##"
        (func $given (result i32)
          (call $get_buffer (i32.const 2) (i32.const 0) (i32.const 1000) (i32.const 0) (i32.const 4)))
        (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32)
          (drop (call $given))
          (i32.store (i32.const 16) (i32.const 99))
          (call $tell #"sending")
          (call $say #"sent" (call $http_call #"{cluster}" #"{headers}"
            (i32.load (i32.const 0)) (i32.load (i32.const 4))
            (i32.const 0) (i32.const 0) (i32.const {timeout_ms}) (i32.const 16)))
          (call $say #"token" (i32.load (i32.const 16)))
          (i32.const 0))
        (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
          (call $say #"on context" (local.get 0))
          (call $say #"answer to" (local.get 1))
          (call $say #"headers" (local.get 2))
          (call $say #"status" (call $get_header (i32.const 6) #":status" (i32.const 0) (i32.const 4)))
          (if (local.get 2) (then (call $tell_given)))
          (call $say #"body" (call $get_buffer (i32.const 4) (i32.const 0) (i32.const 1000)
            (i32.const 0) (i32.const 4)))
          (if (local.get 3) (then (call $tell_given))))"##
    )
}

/// A host whose guest calls `svc`, and what `svc` got.
fn start(body: &str, latency_ns: u64) -> (Host, Rc<RefCell<Vec<CallRequest>>>) {
    let requests = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&requests);
    let backend = Backend::Function(Rc::new(move |request| {
        log.borrow_mut().push(request.clone());
        echo(request)
    }));
    let cluster = Cluster::new(backend).latency_ns(latency_ns);
    (Host::builder(guest(body)).cluster("svc", cluster).start().unwrap(), requests)
}

fn call(host: &mut Host, text: &str) {
    let id = host.open_tcp(0, Default::default()).unwrap();
    host.send(id, host_sim::Direction::FromDownstream, text.as_bytes().to_vec(), false).unwrap();
}

/// What the guest says of a call that was accepted, before its answer.
fn sent(token: u32) -> Vec<String> {
    vec!["sending".to_owned(), "sent 0".to_owned(), format!("token {token}")]
}

/// What the guest says of an answer.
fn answered(token: u32, headers: u32, status: &str, body: &str) -> Vec<String> {
    let mut lines = vec![
        "on context 1".to_owned(),
        format!("answer to {token}"),
        format!("headers {headers}"),
        "status 0".to_owned(),
        status.to_owned(),
        "body 0".to_owned(),
    ];
    lines.extend((!body.is_empty()).then(|| body.to_owned()));
    lines
}

fn reset(token: u32) -> Vec<String> {
    let token = format!("answer to {token}");
    ["on context 1", &token, "headers 0", "status 2", "body 1"].map(str::to_owned).to_vec()
}

#[test]
fn answers_come_after_the_callback_and_tokens_go_up_by_four() {
    let (mut host, requests) = start(&caller(), 0);
    call(&mut host, "one");
    call(&mut host, "two");
    let expected =
        [sent(4), answered(4, 2, "200", "one"), sent(8), answered(8, 2, "200", "two")].concat();
    assert_eq!(worker_lines(&host), expected);
    let requests = requests.borrow();
    assert_eq!(requests[1].body, b"two");
    assert_eq!(requests[1].header("X-A").as_deref(), Some("1"));
}

#[test]
fn an_answer_can_be_read_during_its_callback_only() {
    let look = r#"(func (export "proxy_on_upstream_data") (param i32 i32 i32) (result i32)
          (call $say #"body" (call $get_buffer (i32.const 4) (i32.const 0) (i32.const 9)
            (i32.const 0) (i32.const 4)))
          (call $say #"map" (call $get_pairs (i32.const 6) (i32.const 0) (i32.const 4)))
          (i32.const 0))"#;
    let (mut host, _) = start(&format!("{}{look}", caller()), 0);
    call(&mut host, "x");
    let id = host.open_tcp(0, Default::default()).unwrap();
    host.send(id, host_sim::Direction::FromUpstream, vec![0], false).unwrap();
    let lines = worker_lines(&host);
    assert_eq!(lines[lines.len() - 2..], ["body 1", "map 0"]);
}

#[test]
fn an_answer_for_a_vm_that_is_gone_goes_with_it() {
    let headers = pairs(&[(":method", "GET"), (":path", "/"), (":authority", "a")]);
    let plugin = guest(&format!(
        r##"(func (export "proxy_on_configure") (param i32 i32) (result i32)
          (drop (call $http_call #"svc" #"{headers}" (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 0) (i32.const 9000) (i32.const 16)))
          (i32.const 1))
        (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
          (call $tell #"answer"))
        (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32)
          (unreachable))"##
    ));
    let start = |policy| {
        let cluster = Cluster::new(Backend::Reply(Reply::default())).latency_ns(5 * SECOND);
        let builder = Host::builder(plugin.clone()).cluster("svc", cluster);
        builder.failure_policy(policy).start().unwrap()
    };
    let mut host = start(FailurePolicy::FailClosed);
    call(&mut host, "fails");
    host.advance(9 * SECOND).unwrap();
    assert_eq!(lines(&host.timeline()), ["main: answer"]);

    let mut host = start(FailurePolicy::FailReload);
    host.advance(SECOND).unwrap();
    call(&mut host, "fails");
    host.advance(2 * SECOND).unwrap();
    host.open_tcp(0, Default::default()).unwrap();
    host.advance(4 * SECOND).unwrap();
    assert_eq!(worker_lines(&host), [""; 0], "the first VM's answer was due at 5 s");
    host.advance(SECOND).unwrap();
    assert_eq!(worker_lines(&host), ["answer"]);
}

#[test]
fn latency_is_virtual() {
    // The guest waits for 2 s.
    let (mut host, _) = start(&caller(), 2 * SECOND);
    call(&mut host, "x");
    host.advance(2 * SECOND - 1).unwrap();
    assert_eq!(host.callouts()[0].outcome, Outcome::Pending);
    host.advance(1).unwrap();
    assert_eq!(worker_lines(&host), [sent(4), answered(4, 2, "200", "x")].concat());
}

#[test]
fn an_answer_that_takes_longer_than_the_guest_waits_is_a_504() {
    let (mut host, requests) = start(&caller(), 2 * SECOND + 1);
    call(&mut host, "x");
    host.advance(2 * SECOND).unwrap();
    let answer = answered(4, 3, "504", "upstream request timeout");
    assert_eq!(worker_lines(&host), [sent(4), answer].concat());
    assert_eq!(requests.borrow().len(), 1, "it was delivered all the same");
    host.advance(SECOND).unwrap();
    assert_eq!(worker_lines(&host).len(), 10, "it is answered once");
}

#[test]
fn a_timeout_is_a_504_at_its_time_whether_delivered_or_not() {
    for (fault, deliveries) in [(Fault::Timeout, 0), (Fault::TimeoutButDelivered, 1)] {
        let (mut host, requests) = start(&caller(), 0);
        host.change_cluster("svc", |cluster| cluster.script([fault])).unwrap();
        call(&mut host, "x");
        host.advance(2 * SECOND - 1).unwrap();
        assert_eq!(worker_lines(&host), sent(4));
        host.advance(1).unwrap();
        let answer = answered(4, 3, "504", "upstream request timeout");
        assert_eq!(worker_lines(&host), [sent(4), answer].concat());
        assert_eq!(requests.borrow().len(), deliveries);
        let at = host.now();
        assert_eq!(host.callouts()[0].outcome, Outcome::Answered { status: 504, at });
    }
}

#[test]
fn without_a_timeout_a_call_can_wait_for_ever() {
    let headers = pairs(&[(":method", "POST"), (":path", "/"), (":authority", "a")]);
    let (mut host, _) = start(&body(&headers, "svc", 0), 0);
    host.change_cluster("svc", |cluster| cluster.script([Fault::Timeout])).unwrap();
    call(&mut host, "x");
    host.advance(1_000_000 * SECOND).unwrap();
    assert_eq!(worker_lines(&host), sent(4));
    assert_eq!(host.callouts()[0].outcome, Outcome::Pending);
}

#[test]
fn a_reset_has_neither_headers_nor_body() {
    for (fault, deliveries) in [(Fault::Reset, 0), (Fault::ResetButDelivered, 1)] {
        let (mut host, requests) = start(&caller(), 0);
        host.change_cluster("svc", |cluster| cluster.script([fault])).unwrap();
        call(&mut host, "x");
        assert_eq!(worker_lines(&host), [sent(4), reset(4)].concat());
        assert_eq!(requests.borrow().len(), deliveries);
    }
}

#[test]
fn a_duplicate_is_delivered_twice_and_answered_once() {
    let (mut host, requests) = start(&caller(), 0);
    host.change_cluster("svc", |cluster| cluster.script([Fault::Duplicate])).unwrap();
    call(&mut host, "x");
    assert_eq!(worker_lines(&host), [sent(4), answered(4, 2, "200", "x")].concat());
    assert_eq!(requests.borrow().len(), 2);
    assert_eq!(host.callouts()[0].deliveries, 2);
}

#[test]
fn scripted_answers_come_first_then_the_backend() {
    let (mut host, requests) = start(&caller(), 0);
    let reply = Reply::new(429);
    let script = [Fault::Status(503), Fault::Reply(reply), Fault::None];
    host.change_cluster("svc", |cluster| cluster.script(script)).unwrap();
    for text in ["a", "b", "c", "d"] {
        call(&mut host, text);
    }
    let statuses: Vec<_> = host.callouts().iter().map(|call| call.status()).collect();
    assert_eq!(statuses, [Some(503), Some(429), Some(200), Some(200)]);
    assert_eq!(requests.borrow().len(), 2);
}

#[test]
fn a_cluster_that_is_away_refuses() {
    let (mut host, requests) = start(&caller(), 0);
    host.change_cluster("svc", |cluster| cluster.away_until(10 * SECOND)).unwrap();
    call(&mut host, "x");
    assert_eq!(worker_lines(&host)[7], "503");
    host.advance(10 * SECOND).unwrap();
    call(&mut host, "x");
    let statuses: Vec<_> = host.callouts().iter().map(|call| call.status()).collect();
    assert_eq!(statuses, [Some(503), Some(200)]);
    assert_eq!(requests.borrow().len(), 1);
}

#[test]
fn what_is_not_a_call_is_a_bad_argument() {
    let whole = [(":method", "POST"), (":path", "/"), (":authority", "a")];
    for missing in 0..3 {
        let headers: Vec<_> = (0..3).filter(|i| *i != missing).map(|i| whole[i]).collect();
        let (mut host, _) = start(&body(&pairs(&headers), "svc", 1), 0);
        call(&mut host, "x");
        assert_eq!(worker_lines(&host), ["sending", "sent 2", "token 0"], "{headers:?}");
    }
    let (mut host, _) = start(&body(&pairs(&whole), "other", 1), 0);
    call(&mut host, "x");
    assert_eq!(worker_lines(&host), ["sending", "sent 2", "token 0"]);
    assert_eq!(host.callouts()[0].outcome, Outcome::Refused { status_code: 2 });
}

#[test]
fn a_failed_send_uses_a_token_up() {
    let (mut host, _) = start(&caller(), 0);
    let script = [Fault::InternalFailure, Fault::BadArgument];
    host.change_cluster("svc", |cluster| cluster.script(script)).unwrap();
    for text in ["x", "x", "y"] {
        call(&mut host, text);
    }
    let refused = |status: &str| ["sending", status, "token 0"].map(str::to_owned).to_vec();
    let expected =
        [refused("sent 10"), refused("sent 2"), sent(8), answered(8, 2, "200", "y")].concat();
    assert_eq!(worker_lines(&host), expected);
}

#[test]
fn canned_bodies_echo_the_request() {
    let body = r#"{"instance":"${body.instance}","n":${body.n}}"#;
    let cluster = Cluster::reply(Reply::new(202).with_body(body).unwrap());
    let mut host = Host::builder(guest(&caller())).cluster("svc", cluster).start().unwrap();
    call(&mut host, r#"{"instance":"i-1","n":7}"#);
    let answer = answered(4, 2, "202", r#"{"instance":"i-1","n":7}"#);
    assert_eq!(worker_lines(&host)[3..], answer);
}

#[test]
fn an_answer_can_cause_the_next_call_without_nesting() {
    let headers = pairs(&[(":method", "GET"), (":path", "/"), (":authority", "a")]);
    let body = format!(
        r##"
        (global $left (mut i32) (i32.const 3))
        (func $next
          (call $say #"begin" (global.get $left))
          (global.set $left (i32.sub (global.get $left) (i32.const 1)))
          (drop (call $http_call #"svc" #"{headers}" (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 0) (i32.const 100) (i32.const 16)))
          (call $tell #"end"))
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (call $next) (i32.const 1))
        (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
          (if (global.get $left) (then (call $next))))"##
    );
    let backend = Backend::Function(Rc::new(|_| CallResponse::new(200, &[], b"")));
    let cluster = Cluster::new(backend);
    let mut host = Host::builder(guest(&body)).cluster("svc", cluster).start().unwrap();
    host.advance(0).unwrap();
    assert_eq!(worker_lines(&host), ["begin 3", "end", "begin 2", "end", "begin 1", "end"]);
    // The canary's call went with it.
    assert!(host.callouts().iter().all(|call| call.thread != Thread::Canary));
}
