//! How roots end.

use host_sim::{Backend, Cluster, Host, Outcome};

use crate::guest::{echo, guest, pairs, worker_lines};

/// Sends a last call at its end and asks for time until that is answered.
fn start() -> Host {
    let headers = pairs(&[(":method", "POST"), (":path", "/"), (":authority", "a")]);
    let plugin = guest(&format!(
        r##"
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (drop (call $set_tick (i32.const 1000))) (i32.const 1))
        (func (export "proxy_on_tick") (param i32) (call $tell #"tick"))
        (func (export "proxy_on_done") (param i32) (result i32)
          (call $tell #"done?")
          (drop (call $http_call #"svc" #"{headers}" (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 0) (i32.const 5000) (i32.const 16)))
          (i32.const 0))
        (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
          (call $tell #"answer") (drop (call $done)))
        (func (export "proxy_on_delete") (param i32) (call $tell #"delete"))"##
    ));
    let backend = Backend::Function(std::rc::Rc::new(echo));
    let cluster = Cluster::new(backend).latency_ns(1_500_000_000);
    Host::builder(plugin).cluster("svc", cluster).start().unwrap()
}

#[test]
fn a_drain_waits_for_the_root() {
    let mut host = start();
    assert_eq!(host.drain().unwrap(), 2);
    host.advance(1_400_000_000).unwrap();
    assert_eq!(host.drain().unwrap(), 2);
    host.advance(200_000_000).unwrap();
    assert_eq!(host.drain().unwrap(), 0);
    host.advance(10_000_000_000).unwrap();
    assert_eq!(worker_lines(&host), ["done?", "tick", "answer", "delete"]);
}

#[test]
fn a_termination_waits_for_nobody_but_what_was_sent_has_left() {
    let mut host = start();
    host.terminate();
    host.advance(10_000_000_000).unwrap();
    assert_eq!(worker_lines(&host), ["done?"], "who wants time is not even deleted");
    let callouts = host.callouts();
    assert_eq!(callouts.len(), 2);
    assert!(callouts.iter().all(|call| call.deliveries == 1 && call.outcome == Outcome::Pending));
}
