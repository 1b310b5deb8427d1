//! gRPC of the guests: calls and streams, what the upstream hears, and what the guest sees of it.

use std::{cell::RefCell, rc::Rc};

use host_sim::{
    Cluster, Direction, Fault, GrpcEvent, GrpcReply, GrpcRequest, GrpcUpstream, Host, Thread,
};

use crate::guest::{guest, lines_of, pairs, worker_lines};

const MILLISECOND: u64 = 1_000_000;

type Heard = Rc<RefCell<Vec<GrpcEvent>>>;

/// Tells all that it sees of gRPC. A chunk is a verb: `c` calls, `s` begins a stream, `m` sends a
/// message on it, `e` the last one, `x` closes it, `k` cancels the latest token, `n` and `t` use
/// tokens that are of nothing.
pub fn body(upstream: &str) -> String {
    let metadata = pairs(&[("app", "shop")]);
    format!(
        r##"
        (global $token (mut i32) (i32.const 0))
        (func $started (param $status i32)
          (call $say #"started" (local.get $status))
          (global.set $token (i32.load (i32.const 16)))
          (call $say #"token" (global.get $token)))
        (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32)
          (local $verb i32)
          (drop (call $get_buffer (i32.const 2) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 4)))
          (local.set $verb (i32.load8_u (i32.load (i32.const 0))))
          (if (i32.eq (local.get $verb) (i32.const 99)) (then
            (call $started (call $grpc_call #"{upstream}" #"pkg.Svc" #"Get" #"{metadata}" #"ask"
              (i32.const 500) (i32.const 16)))))
          (if (i32.eq (local.get $verb) (i32.const 115)) (then
            (call $started (call $grpc_stream #"{upstream}" #"pkg.Svc" #"Watch" #"{metadata}" (i32.const 16)))))
          (if (i32.eq (local.get $verb) (i32.const 109)) (then
            (call $say #"send" (call $grpc_send (global.get $token) #"msg" (i32.const 0)))))
          (if (i32.eq (local.get $verb) (i32.const 101)) (then
            (call $say #"send" (call $grpc_send (global.get $token) #"last" (i32.const 1)))))
          (if (i32.eq (local.get $verb) (i32.const 120)) (then
            (call $say #"close" (call $grpc_close (global.get $token)))))
          (if (i32.eq (local.get $verb) (i32.const 107)) (then
            (call $say #"cancel" (call $grpc_cancel (global.get $token)))
            (call $say #"again" (call $grpc_cancel (global.get $token)))))
          (if (i32.eq (local.get $verb) (i32.const 110)) (then
            (call $say #"unknown" (call $grpc_send (i32.const 802) #"x" (i32.const 0)))
            (call $say #"a call" (call $grpc_send (i32.const 5) #"x" (i32.const 0)))
            (call $say #"of http" (call $grpc_cancel (i32.const 8)))
            (call $say #"of http" (call $grpc_close (i32.const 8)))))
          (i32.const 0))
        (func $told (param $text i32) (param $size i32) (param $token i32) (param $number i32)
          (call $say (local.get $text) (local.get $size) (local.get $token))
          (call $say #" with" (local.get $number)))
        (func (export "proxy_on_grpc_receive_initial_metadata") (param i32 i32 i32)
          (call $told #"initial" (local.get 1) (local.get 2))
          (call $say #" get" (call $get_header (i32.const 4) #"a" (i32.const 0) (i32.const 4)))
          (call $tell_given))
        (func (export "proxy_on_grpc_receive") (param i32 i32 i32)
          (call $told #"message" (local.get 1) (local.get 2))
          (drop (call $get_buffer (i32.const 5) (i32.const 0) (i32.const 99) (i32.const 0) (i32.const 4)))
          (call $tell_given)
          (call $say #" initial" (call $get_header (i32.const 4) #"a" (i32.const 0) (i32.const 4))))
        (func (export "proxy_on_grpc_receive_trailing_metadata") (param i32 i32 i32)
          (call $told #"trailing" (local.get 1) (local.get 2))
          (call $say #" get" (call $get_header (i32.const 5) #"z" (i32.const 0) (i32.const 4)))
          (call $tell_given))
        (func (export "proxy_on_grpc_close") (param i32 i32 i32)
          (call $told #"close" (local.get 1) (local.get 2))
          (drop (call $get_status (i32.const 24) (i32.const 0) (i32.const 4)))
          (call $say #" status" (i32.load (i32.const 24)))
          (call $tell_given))"##
    )
}

fn start(
    upstream: &str,
    replies: impl Fn(&GrpcRequest, &GrpcEvent) -> Vec<GrpcReply> + 'static,
) -> (Host, Heard) {
    let heard = Heard::default();
    let log = Rc::clone(&heard);
    let answer = GrpcUpstream::new(move |request, event| {
        assert_eq!(request.service, "pkg.Svc");
        assert_eq!(request.metadata, [(b"app".to_vec(), b"shop".to_vec())]);
        log.borrow_mut().push(event.clone());
        replies(request, event)
    });
    let cluster = Cluster::grpc(answer).latency_ns(10 * MILLISECOND);
    let builder = Host::builder(guest(&body(upstream))).cluster("svc", cluster);
    (builder.start().unwrap(), heard)
}

fn say(host: &mut Host, verbs: &str) {
    let id = host.open_tcp(0, Default::default()).unwrap();
    for verb in verbs.chars() {
        host.send(id, Direction::FromDownstream, verb.to_string().into(), false).unwrap();
    }
}

fn message(text: &str) -> GrpcReply {
    GrpcReply::Message(text.into())
}

fn on_message(event: &GrpcEvent, replies: &[GrpcReply]) -> Vec<GrpcReply> {
    if matches!(event, GrpcEvent::Message(_)) { replies.to_vec() } else { Vec::new() }
}

#[test]
fn a_call_gets_a_message_and_nothing_else() {
    let (mut host, heard) = start("svc", |request, event| {
        assert_eq!(request.method, "Get");
        let metadata = GrpcReply::InitialMetadata(vec![(b"a".to_vec(), b"b".to_vec())]);
        on_message(event, &[metadata, message("told"), GrpcReply::ok()])
    });
    say(&mut host, "cc");
    assert_eq!(worker_lines(&host), ["started 0", "token 5", "started 0", "token 9"]);
    host.advance(10 * MILLISECOND).unwrap();
    let answer = |token: &str| {
        [&format!("message {token}"), " with 4", "told", " initial 2"].map(str::to_owned)
    };
    assert_eq!(worker_lines(&host)[4..], [answer("5"), answer("9")].concat());
    let ask = [GrpcEvent::Start, GrpcEvent::Message(b"ask".to_vec()), GrpcEvent::HalfClose];
    assert_eq!(*heard.borrow(), [ask.clone(), ask].concat());
    // It is over: its timeout says nothing, and it cannot be cancelled.
    host.advance(1_000 * MILLISECOND).unwrap();
    say(&mut host, "k");
    assert_eq!(worker_lines(&host)[12..], ["cancel 1", "again 1"]);
}

#[test]
fn a_call_that_fails_is_closed_with_a_status() {
    let (mut host, _) = start("svc", |_, event| {
        on_message(event, &[message("lost"), GrpcReply::close(9, "not now")])
    });
    say(&mut host, "c");
    host.advance(1_000 * MILLISECOND).unwrap();
    assert_eq!(
        worker_lines(&host)[2..],
        ["close 5", " with 9", " status 9", "not now{via_upstream}"]
    );
}

#[test]
fn a_call_that_nobody_answers_runs_out_of_time() {
    let (mut host, _) = start("svc", |_, _| Vec::new());
    say(&mut host, "c");
    host.advance(499 * MILLISECOND).unwrap();
    assert_eq!(worker_lines(&host).len(), 2);
    host.advance(MILLISECOND).unwrap();
    let expected =
        ["close 5", " with 14", " status 14", "upstream request timeout{response_timeout}"];
    assert_eq!(worker_lines(&host)[2..], expected);
}

#[test]
fn a_cancelled_call_hears_nothing_and_the_upstream_does() {
    let (mut host, heard) =
        start("svc", |_, event| on_message(event, &[message("x"), GrpcReply::ok()]));
    say(&mut host, "ck");
    host.advance(1_000 * MILLISECOND).unwrap();
    assert_eq!(worker_lines(&host)[2..], ["cancel 0", "again 1"]);
    assert_eq!(heard.borrow().last(), Some(&GrpcEvent::Cancel));
}

#[test]
fn a_stream_sees_all_that_comes_in_order() {
    let (mut host, heard) = start("svc", |_, event| match event {
        GrpcEvent::Start => vec![GrpcReply::InitialMetadata(vec![(b"a".to_vec(), b"b".to_vec())])],
        GrpcEvent::Message(text) => vec![GrpcReply::Message(text.clone())],
        GrpcEvent::HalfClose => {
            vec![GrpcReply::TrailingMetadata(vec![(b"z".to_vec(), b"y".to_vec())]), GrpcReply::ok()]
        }
        GrpcEvent::Cancel => Vec::new(),
    });
    say(&mut host, "sme");
    host.advance(10 * MILLISECOND).unwrap();
    let expected = [
        &["started 0", "token 6", "send 0", "send 0"][..],
        // Besides what the server gives, what Envoy shows with it: see `grpc_calls` in FIDELITY.md.
        &["initial 6", " with 4", " get 0", "b"],
        &["message 6", " with 3", "msg", " initial 2"],
        &["message 6", " with 4", "last", " initial 2"],
        &["trailing 6", " with 2", " get 0", "y"],
        &["close 6", " with 0", " status 0", "via_upstream"],
    ];
    assert_eq!(worker_lines(&host), expected.concat());
    assert_eq!(heard.borrow().len(), 4);
    // The guest has not closed its side by itself, so the token lasts until it does.
    say(&mut host, "mxx");
    assert_eq!(worker_lines(&host)[24..], ["send 0", "close 0", "close 1"]);
    assert_eq!(heard.borrow().len(), 4);
}

#[test]
fn a_stream_is_half_closed_or_cancelled() {
    let (mut host, heard) = start("svc", |_, _| Vec::new());
    say(&mut host, "sxksk");
    host.advance(1_000 * MILLISECOND).unwrap();
    let heard = heard.borrow();
    use GrpcEvent::{Cancel, HalfClose, Start};
    assert_eq!(*heard, [Start, HalfClose, Cancel, Start, Cancel]);
    let expected =
        ["close 0", "cancel 0", "again 1", "started 0", "token 10", "cancel 0", "again 1"];
    assert_eq!(worker_lines(&host)[2..], expected);
}

#[test]
fn tokens_of_nothing_are_refused() {
    let (mut host, _) = start("svc", |_, _| Vec::new());
    say(&mut host, "n");
    let expected = ["unknown 1", "a call 2", "of http 2", "of http 2"];
    assert_eq!(worker_lines(&host), expected);
}

#[test]
fn an_upstream_is_named_or_described_and_must_be_known() {
    // A GrpcService with envoy_grpc and its cluster_name.
    let (mut host, _) = start("\\0a\\05\\0a\\03svc", |_, event| {
        on_message(event, &[message("x"), GrpcReply::ok()])
    });
    say(&mut host, "c");
    assert_eq!(worker_lines(&host), ["started 0", "token 5"]);
    let (mut host, _) = start("other", |_, _| Vec::new());
    say(&mut host, "cs");
    // 4 is PARSE_FAILURE, as Envoy takes an unknown name for a bad description.
    assert_eq!(worker_lines(&host), ["started 4", "token 0", "started 4", "token 0"]);
}

#[test]
fn faults_of_a_cluster_are_those_of_grpc_too() {
    let (mut host, heard) =
        start("svc", |_, event| on_message(event, &[message("x"), GrpcReply::ok()]));
    let script = [Fault::Refused, Fault::Reset, Fault::Timeout, Fault::InternalFailure];
    host.change_cluster("svc", |cluster| cluster.script(script)).unwrap();
    say(&mut host, "cccc");
    host.advance(1_000 * MILLISECOND).unwrap();
    assert_eq!(*heard.borrow(), []);
    let closes = worker_lines(&host).into_iter().filter(|line| line.starts_with("close"));
    assert_eq!(closes.collect::<Vec<_>>(), ["close 5", "close 9", "close 13"]);
    let lines = worker_lines(&host);
    let at = lines.iter().position(|line| line == "started 10").unwrap();
    assert_eq!(lines[at + 1], "token 0");
    assert_eq!(lines_of(&host, Thread::Main), [""; 0]);
}
