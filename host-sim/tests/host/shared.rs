//! What VMs share: data, changed by compare-and-swap, and queues.

use host_sim::{Direction, Host, HostError, Thread};

use crate::guest::{guest, lines, lines_of};

#[test]
fn only_one_worker_wins_a_swap() {
    // "r" reads and keeps the version, "w" writes with it, "f" writes over anything.
    let plugin = guest(
        r#"
        (global $cas (mut i32) (i32.const 0))
        (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32)
          (local $verb i32)
          (drop (call $get_buffer (i32.const 2) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 4)))
          (local.set $verb (i32.load8_u (i32.load (i32.const 0))))
          (if (i32.eq (local.get $verb) (i32.const 114)) (then
            (call $say #"read" (call $get_shared #"key" (i32.const 0) (i32.const 4) (i32.const 8)))
            (call $tell_given)
            (global.set $cas (i32.load (i32.const 8)))))
          (if (i32.eq (local.get $verb) (i32.const 119)) (then
            (call $say #"write" (call $set_shared #"key" #"new" (global.get $cas)))))
          (if (i32.eq (local.get $verb) (i32.const 102)) (then
            (call $say #"force" (call $set_shared #"key" #"old" (i32.const 0)))))
          (if (i32.eq (local.get $verb) (i32.const 110)) (then
            (call $say #"none" (call $get_shared #"nope" (i32.const 0) (i32.const 4) (i32.const 8)))))
          (i32.const 0))"#,
    );
    let mut host = Host::builder(plugin).workers(2).vm_id("vm").start().unwrap();
    let streams = [0, 1].map(|worker| host.open_tcp(worker, Default::default()).unwrap());
    for (worker, verb) in
        [(0, "n"), (0, "f"), (0, "r"), (1, "r"), (1, "w"), (0, "w"), (0, "r"), (0, "w")]
    {
        host.send(streams[worker], Direction::FromDownstream, verb.into(), false).unwrap();
    }
    let expected = [
        "worker 0: none 1",
        "worker 0: force 0",
        "worker 0: read 0",
        "worker 0: old",
        "worker 1: read 0",
        "worker 1: old",
        "worker 1: write 0",
        "worker 0: write 8",
        "worker 0: read 0",
        "worker 0: new",
        "worker 0: write 0",
    ];
    assert_eq!(lines(&host.timeline()), expected);
}

#[test]
fn who_registered_a_queue_last_is_told_after_the_callback() {
    let plugin = guest(
        r#"
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (call $say #"register" (call $register_queue #"q" (i32.const 16))) (i32.const 1))
        (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32)
          (call $say #"enqueue" (call $enqueue (i32.load (i32.const 16)) #"item"))
          (call $say #"unknown" (call $enqueue (i32.const 77) #"item"))
          (i32.const 0))
        (func (export "proxy_on_queue_ready") (param i32 i32)
          (call $say #"ready" (i32.eq (local.get 1) (i32.load (i32.const 16))))
          (call $say #"first" (call $dequeue (local.get 1) (i32.const 0) (i32.const 4)))
          (call $tell_given)
          (call $say #"second" (call $dequeue (local.get 1) (i32.const 0) (i32.const 4))))"#,
    );
    let mut host = Host::builder(plugin).workers(2).start().unwrap();
    let id = host.open_tcp(0, Default::default()).unwrap();
    host.send(id, Direction::FromDownstream, vec![0], false).unwrap();
    let after_start = |thread| lines_of(&host, thread)[1..].to_vec();
    assert_eq!(after_start(Thread::Worker(0)), ["enqueue 0", "unknown 1"]);
    assert_eq!(after_start(Thread::Worker(1)), ["ready 1", "first 0", "item", "second 7"]);
}

#[test]
fn guests_that_wake_each_other_for_ever_are_stopped() {
    let plugin = guest(
        r#"
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (drop (call $register_queue #"q" (i32.const 16))) (i32.const 1))
        (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32)
          (drop (call $enqueue (i32.load (i32.const 16)) #"x")) (i32.const 0))
        (func (export "proxy_on_queue_ready") (param i32 i32)
          (drop (call $dequeue (local.get 1) (i32.const 0) (i32.const 4)))
          (drop (call $enqueue (local.get 1) #"x")))"#,
    );
    let mut host = Host::builder(plugin).start().unwrap();
    let id = host.open_tcp(0, Default::default()).unwrap();
    let sent = host.send(id, Direction::FromDownstream, vec![0], false);
    assert_eq!(sent, Err(HostError::Livelock));
}
