//! What lets thousands of hosts run side by side: VMs from a pool, hosts that keep little, and calls
//! that are carried out by whoever runs the host.

use host_sim::{
    Backend, CallResponse, Cluster, Direction, EventKind, Fault, Host, Outcome, Plugin, PluginError,
};

use crate::guest::{guest, pairs, wat, worker_lines};

const SECOND: u64 = 1_000_000_000;

/// Calls `svc` with a timeout of two seconds when a chunk comes, and tells the answer's status.
fn caller() -> String {
    let headers = pairs(&[(":method", "POST"), (":path", "/p"), (":authority", "a")]);
    format!(
        r##"
        (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32)
          (drop (call $http_call #"svc" #"{headers}" (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 0) (i32.const 2000) (i32.const 16)))
          (i32.const 0))
        (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
          (call $say #"headers" (local.get 2))
          (drop (call $get_header (i32.const 6) #":status" (i32.const 0) (i32.const 4)))
          (if (local.get 2) (then (call $tell_given))))"##
    )
}

/// A host whose guest has made a call that meets this fault.
fn called(fault: Fault) -> Host {
    let mut cluster = Cluster::new(Backend::Deferred).latency_ns(SECOND);
    cluster.script([fault]);
    let mut host = Host::builder(guest(&caller())).cluster("svc", cluster).start().unwrap();
    let id = host.open_tcp(0, host_sim::Properties::new()).unwrap();
    host.send(id, Direction::FromDownstream, b"x".to_vec(), false).unwrap();
    host
}

#[test]
fn a_call_waits_for_whoever_runs_the_host_and_its_fault_still_counts() {
    for (fault, deliveries, answer, lines, at) in [
        (Fault::None, 1, Some(200), ["headers 2", "200"], SECOND),
        (Fault::Duplicate, 2, Some(200), ["headers 2", "200"], SECOND),
        (Fault::TimeoutButDelivered, 1, Some(200), ["headers 3", "504"], 2 * SECOND),
        (Fault::None, 1, None, ["headers 3", "503"], SECOND),
    ] {
        let mut host = called(fault.clone());
        let mut calls = host.take_deferred();
        assert_eq!((calls.len(), host.next_due_ns()), (1, None), "{fault:?}");
        let call = calls.remove(0);
        assert_eq!(
            (call.deliveries(), call.request().header(":path")),
            (deliveries, Some("/p".into()))
        );
        let answer = answer.map(|status| CallResponse::new(status, &[], b""));
        host.answer(call, deliveries, answer);
        assert_eq!(host.next_due_ns(), Some(at), "{fault:?}");
        assert!(!host.step(at - 1));
        assert!(host.step(at));
        assert_eq!((host.now().0, worker_lines(&host)), (at, lines.map(str::to_owned).to_vec()));
        assert!(matches!(host.callouts()[0].outcome, Outcome::Answered { .. }), "{fault:?}");
    }
}

#[test]
fn a_call_that_never_arrives_is_nobodys_errand() {
    let mut host = called(Fault::Timeout);
    assert!(host.take_deferred().is_empty());
    assert_eq!(host.next_due_ns(), Some(2 * SECOND));
    assert_eq!(host.faulty_calls(), 1);
}

#[test]
fn a_lean_host_has_the_workers_vms_alone_and_keeps_warnings_alone() {
    let body = r##"
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (drop (call $define_metric (i32.const 0) #"vms" (i32.const 0)))
          (drop (call $increment_metric (i32.load (i32.const 0)) (i64.const 1)))
          (call $tell #"an information")
          (drop (call $log (i32.const 3) #"a warning"))
          (i32.const 1))"##;
    for (host, vms, kinds) in [
        (Host::builder(guest(body)), 3, vec!["information", "warning", "other"]),
        (Host::builder(guest(body)).lean(), 1, vec!["warning"]),
    ] {
        let host = host.start().unwrap();
        assert_eq!(host.metrics()["vms"].value, vms);
        let kind = |kind: &EventKind| match kind {
            EventKind::Log { message, .. } if message == "a warning" => "warning",
            EventKind::Log { .. } => "information",
            _ => "other",
        };
        let mut found: Vec<&str> = host.timeline().iter().map(|event| kind(&event.kind)).collect();
        found.sort_unstable();
        found.dedup();
        let mut kinds = kinds;
        kinds.sort_unstable();
        assert_eq!(found, kinds);
    }
}

#[test]
fn a_lean_host_ends_as_any_other() {
    let mut host = Host::builder(guest("")).lean().start().unwrap();
    assert!(!host.is_over());
    assert_eq!(host.drain(), Ok(0));
    assert!(host.is_over());
}

#[test]
fn a_pool_has_as_many_vms_as_it_was_told() {
    let plugin = Plugin::load_pooled(wat("").as_bytes(), 2, 128 * 1024).unwrap();
    let start = || Host::builder(plugin.clone()).lean().start();
    let (first, _second) = (start().unwrap(), start().unwrap());
    let failure = start().err().expect("there is no room").to_string();
    assert!(failure.contains("instantiation"), "{failure}");
    drop(first);
    start().expect("there is room again");
}

#[test]
fn a_module_that_needs_more_than_the_pool_gives_is_refused() {
    // Its memory has two pages of 64 KiB at first.
    let load = |bytes| Plugin::load_pooled(wat("").as_bytes(), 1, bytes);
    assert!(load(128 * 1024).is_ok());
    let error = load(64 * 1024).err().expect("it is too large");
    assert!(matches!(error, PluginError::Invalid(_)), "{error}");
}

#[test]
fn guests_that_call_themselves_for_ever_fail_step_by_step_too() {
    let body = r#"(func $again
          (drop (call $register_queue #"q" (i32.const 16)))
          (drop (call $enqueue (i32.load (i32.const 16)) #"x")))
        (func (export "proxy_on_configure") (param i32 i32) (result i32) (call $again) (i32.const 1))
        (func (export "proxy_on_queue_ready") (param i32 i32) (call $again))"#;
    let mut host = Host::builder(guest(body)).lean().start().unwrap();
    let steps = (0..1_000_000).take_while(|_| host.step(SECOND)).count();
    assert!(steps < 1_000_000);
    let failures = crate::guest::failures(&host);
    assert_eq!(failures.len(), 1);
    assert!(failures[0].contains("callbacks cause one another without end"), "{failures:?}");
}
