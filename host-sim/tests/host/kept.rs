//! What guests leave behind, callback after callback, does not fill the memory of the host.

use host_sim::{Cluster, Direction, GrpcUpstream, Host, HostBuilder};

use crate::guest::{failures, guest, pairs};

const SECOND: u64 = 1_000_000_000;

/// A guest that makes these host calls a hundred times on each tick, ten ticks a second; it has a
/// queue, whose id is at 16, and a number at 0 that is always another.
fn busy(calls: &str) -> HostBuilder {
    let body = format!(
        r##"(func (export "proxy_on_configure") (param i32 i32) (result i32)
              (drop (call $set_tick (i32.const 100))) (i32.const 1))
            (func (export "proxy_on_tick") (param i32) (local $round i32)
              (drop (call $register_queue #"q" (i32.const 16)))
              (loop $again
                (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
                {calls}
                (local.set $round (i32.add (local.get $round) (i32.const 1)))
                (br_if $again (i32.lt_u (local.get $round) (i32.const 100)))))"##
    );
    let silent = Cluster::grpc(GrpcUpstream::new(|_, _| Vec::new()));
    let builder = Host::builder(guest(&body)).workers(1).cluster("silent", silent);
    builder.cluster("svc", Cluster::grpc(GrpcUpstream::message(b"m"))).kept_bytes(1_000_000)
}

#[test]
fn a_guest_that_fills_the_host_has_failed() {
    let headers = pairs(&[(":method", "GET"), (":path", "/"), (":authority", "a")]);
    let call = |cluster: &str| {
        format!(
            r##"(drop (call $http_call #"{cluster}" #"{headers}" (i32.const 0) (i32.const 1000)
                  (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 16)))"##
        )
    };
    for calls in [
        "(drop (call $log (i32.const 2) (i32.const 0) (i32.const 4)))",
        "(drop (call $define_metric (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 24)))",
        r##"(drop (call $define_metric (i32.const 0) #"one" (i32.const 24)))"##,
        "(drop (call $set_shared (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 64) (i32.const 0)))",
        "(drop (call $enqueue (i32.load (i32.const 16)) (i32.const 0) (i32.const 1000)))",
        "(drop (call $register_queue (i32.const 0) (i32.const 4) (i32.const 24)))",
        &call("svc"),
        &call("nobody"),
        r##"(drop (call $grpc_stream #"silent" #"s" #"m" (i32.const 0) (i32.const 0) (i32.const 24)))"##,
        // Of a request that stays open: the stream is context 2.
        r##"(drop (call $set_effective (i32.const 2)))
            (drop (call $set_property (i32.const 0) (i32.const 4) #"value"))"##,
        r##"(drop (call $set_effective (i32.const 2)))
            (drop (call $add_header (i32.const 0) (i32.const 0) (i32.const 4) #"value"))"##,
    ] {
        let mut host = busy(calls).start().unwrap();
        let headers = vec![(b":path".to_vec(), b"/".to_vec())];
        host.open_http(0, Default::default(), headers, false).unwrap();
        host.advance(60 * SECOND).unwrap();
        let failures = failures(&host);
        assert!(!failures.is_empty(), "{calls}");
        for failure in failures {
            let reason = ": the host keeps more than 1000000 bytes of what the plugin does";
            assert!(failure.contains(reason), "{calls}: {failure}");
        }
    }
}

#[test]
fn what_is_replaced_or_taken_away_is_kept_no_longer() {
    for calls in [
        r##"(drop (call $set_shared #"same" (i32.const 0) (i32.const 1000) (i32.const 0)))"##,
        "(drop (call $enqueue (i32.load (i32.const 16)) (i32.const 0) (i32.const 1000)))
         (drop (call $dequeue (i32.load (i32.const 16)) (i32.const 24) (i32.const 28)))",
    ] {
        let mut host = busy(calls).start().unwrap();
        host.advance(10 * SECOND).unwrap();
        assert_eq!(failures(&host), [""; 0], "{calls}");
    }
    let busy = busy("(drop (call $log (i32.const 2) (i32.const 0) (i32.const 4)))");
    let mut host = busy.start().unwrap();
    for _ in 0..100 {
        host.advance(SECOND).unwrap();
        assert_eq!(failures(&host), [""; 0]);
        host.forget_timeline();
    }
}

#[test]
fn what_a_guest_adds_to_a_stream_goes_with_it() {
    let body = r##"(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
        (drop (call $set_buffer (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 60000)))
        (drop (call $set_property #"own" (i32.const 0) (i32.const 60000)))
        (i32.const 1))"##;
    let mut host = Host::builder(guest(body)).kept_bytes(1_000_000).start().unwrap();
    let mut request = |closes: bool| {
        let headers = vec![(b":path".to_vec(), b"/".to_vec())];
        let id = host.open_http(0, Default::default(), headers, false).unwrap();
        host.send(id, Direction::FromDownstream, b"x".to_vec(), true).unwrap();
        if closes {
            host.finish_http(id).unwrap();
        }
        failures(&host)
    };
    for _ in 0..100 {
        assert_eq!(request(true), [""; 0]);
    }
    assert!((0..100).any(|_| !request(false).is_empty()));
}

#[test]
fn a_host_that_keeps_no_records_goes_on() {
    let headers = pairs(&[(":method", "GET"), (":path", "/"), (":authority", "a")]);
    for calls in [
        &format!(
            r##"(drop (call $http_call #"svc" #"{headers}" (i32.const 0) (i32.const 1000)
                  (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 16)))"##
        ),
        r##"(drop (call $grpc_call #"svc" #"s" #"m" (i32.const 0) (i32.const 0) #"x"
              (i32.const 100) (i32.const 24)))"##,
    ] {
        let mut host = busy(calls).lean().start().unwrap();
        host.advance(10 * SECOND).unwrap();
        assert_eq!(failures(&host), [""; 0], "{calls}");
        // A hundred ticks; nobody listens to the answers.
        assert!(host.callbacks() >= 100, "{calls}");
    }
}
