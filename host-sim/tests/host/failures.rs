//! A plugin that fails takes its VM with it, and nothing else.

use host_sim::{Direction, EventKind, FailurePolicy, Host, Thread};

use crate::guest::{failures, guest, lines_of};

const SECOND: u64 = 1_000_000_000;

/// Fails on the chunk "!", never returns from "l", takes all memory at "m".
const FRAGILE: &str = r#"
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
      (drop (call $set_tick (i32.const 1000))) (i32.const 1))
    (func (export "proxy_on_tick") (param i32) (call $tell #"tick"))
    (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32)
      (local $verb i32)
      (drop (call $get_buffer (i32.const 2) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 4)))
      (local.set $verb (i32.load8_u (i32.load (i32.const 0))))
      (if (i32.eq (local.get $verb) (i32.const 33)) (then (unreachable)))
      (if (i32.eq (local.get $verb) (i32.const 108)) (then (loop $for_ever (br $for_ever))))
      (if (i32.eq (local.get $verb) (i32.const 109)) (then
        (call $say #"grown" (i32.ne (memory.grow (i32.const 30)) (i32.const -1)))
        (call $say #"grown" (i32.ne (memory.grow (i32.const 40)) (i32.const -1)))))
      (call $tell #"data")
      (i32.const 0))"#;

fn start(policy: FailurePolicy) -> Host {
    let builder = Host::builder(guest(FRAGILE)).workers(2).failure_policy(policy);
    builder.callback_fuel(20_000).memory_bytes(64 * 65_536).start().unwrap()
}

fn send(host: &mut Host, worker: usize, text: &str) {
    let id = host.open_tcp(worker, Default::default()).unwrap();
    host.send(id, Direction::FromDownstream, text.into(), false).unwrap();
}

fn refused(host: &Host) -> Vec<bool> {
    let timeline = host.timeline();
    let refused = timeline.iter().filter_map(|event| match event.kind {
        EventKind::StreamWithoutGuest { refused, .. } => Some(refused),
        _ => None,
    });
    refused.collect()
}

#[test]
fn one_worker_fails_and_the_others_go_on() {
    let mut host = start(FailurePolicy::FailClosed);
    let open = host.open_tcp(0, Default::default()).unwrap();
    send(&mut host, 0, "!");
    host.send(open, Direction::FromDownstream, vec![1], false).unwrap();
    send(&mut host, 0, "x");
    send(&mut host, 1, "x");
    host.advance(SECOND).unwrap();
    let reason = "wasm trap: wasm `unreachable` instruction executed";
    assert_eq!(failures(&host), [format!("proxy_on_downstream_data: {reason}")]);
    assert_eq!(lines_of(&host, Thread::Worker(0)), [""; 0]);
    assert_eq!(lines_of(&host, Thread::Worker(1)), ["data", "tick"]);
    assert_eq!(lines_of(&host, Thread::Main), ["tick"]);
    assert_eq!(refused(&host), [true]);
    host.close_tcp(open, Default::default()).unwrap();
}

#[test]
fn a_callback_that_does_not_end_is_ended() {
    let mut host = start(FailurePolicy::FailOpen);
    send(&mut host, 0, "l");
    assert_eq!(failures(&host), ["proxy_on_downstream_data: it ran for too long"]);
    send(&mut host, 0, "x");
    assert_eq!(refused(&host), [false]);
}

#[test]
fn fuel_is_per_callback() {
    let mut host = start(FailurePolicy::FailClosed);
    for _ in 0..2000 {
        send(&mut host, 0, "x");
    }
    assert_eq!(failures(&host), [""; 0]);
    assert_eq!(lines_of(&host, Thread::Worker(0)).len(), 2000);
}

#[test]
fn memory_is_capped() {
    let mut host = start(FailurePolicy::FailClosed);
    send(&mut host, 0, "m");
    assert_eq!(lines_of(&host, Thread::Worker(0)), ["grown 1", "grown 0", "data"]);
}

#[test]
fn a_reload_waits_for_a_stream_and_a_second() {
    let mut host = start(FailurePolicy::FailReload);
    let old = host.open_tcp(0, Default::default()).unwrap();
    host.advance(SECOND / 2).unwrap();
    send(&mut host, 0, "!");
    send(&mut host, 0, "x");
    assert_eq!(refused(&host), [true]);
    host.advance(3 * SECOND).unwrap();
    assert_eq!(lines_of(&host, Thread::Worker(0)), [""; 0], "no ticks before the next stream");
    send(&mut host, 0, "x");
    // The new VM knows nothing of the streams of the old one.
    host.send(old, Direction::FromDownstream, vec![1], false).unwrap();
    host.close_tcp(old, Default::default()).unwrap();
    host.advance(2 * SECOND).unwrap();
    assert_eq!(lines_of(&host, Thread::Worker(0)), ["data", "tick", "tick"]);
    assert_eq!(refused(&host), [true]);
}

#[test]
fn a_guest_that_fails_in_its_allocator_has_failed() {
    let body = r#"(func (export "proxy_on_tick") (param i32)
          (drop (call $get_property #"xds\00node\00id" (i32.const 0) (i32.const 4))))
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (drop (call $set_tick (i32.const 1))) (i32.const 1))"#;
    let wat = crate::guest::wat(body).replace(
        "(local.set $start (global.get $heap))",
        "(local.set $start (global.get $heap)) (unreachable)",
    );
    let plugin = host_sim::Plugin::load(wat.as_bytes()).unwrap();
    let mut host = Host::builder(plugin).node("n", "", Default::default()).start().unwrap();
    host.advance(SECOND).unwrap();
    assert_eq!(failures(&host).len(), 2, "main and the worker, once each");
}

#[test]
fn a_failure_tells_in_which_functions() {
    let body = r#"(func $inner (unreachable)) (func $outer (call $inner))
        (func (export "proxy_on_new_connection") (param i32) (result i32)
          (call $outer) (i32.const 0))"#;
    let mut host = Host::builder(guest(body)).start().unwrap();
    host.open_tcp(0, Default::default()).unwrap();
    host.fail_plugin(Thread::Main).unwrap();
    let timeline = host.timeline();
    let traps: Vec<_> =
        timeline.iter().filter(|event| matches!(event.kind, EventKind::Trap { .. })).collect();
    let shown = traps[0].to_string();
    assert!(shown.contains("unreachable` instruction executed\n        in inner\n"), "{shown}");
    let EventKind::Trap { stack, .. } = &traps[0].kind else { panic!("{shown}") };
    assert_eq!(stack[..2], ["inner", "outer"]);
    assert_eq!(stack.len(), 3);
    let EventKind::Trap { stack, .. } = &traps[1].kind else { panic!("{:?}", traps[1]) };
    assert!(stack.is_empty());
}
