//! The virtual clock and the timers under it.

use host_sim::{Event, EventKind, Host, Timestamp};

use crate::guest::guest;

/// The times of all ticks, in milliseconds since the start, with their threads.
fn ticks(host: &Host, start: Timestamp) -> Vec<(u64, String)> {
    let tick = |event: &Event| match &event.kind {
        EventKind::Log { message, .. } if message == "tick" => {
            Some(((event.at.0 - start.0) / 1_000_000, event.thread?.to_string()))
        }
        _ => None,
    };
    host.timeline().iter().filter_map(tick).collect()
}

#[test]
fn every_thread_ticks_exactly_on_time() {
    let plugin = guest(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
             (drop (call $set_tick (i32.const 300))) (i32.const 1))
           (func (export "proxy_on_tick") (param i32) (call $tell #"tick"))"#,
    );
    let start = Timestamp::parse("2026-03-01T10:59:59.500Z").unwrap();
    let mut host = Host::builder(plugin).workers(2).start_time(start).start().unwrap();
    for _ in 0..5 {
        host.advance(130_000_000).unwrap();
    }
    let threads = ["main", "worker 0", "worker 1"].map(str::to_owned);
    let at = |ms| threads.clone().map(|thread| (ms, thread));
    assert_eq!(ticks(&host, start), [at(300), at(600)].concat());
    assert_eq!(host.now().0, start.0 + 650_000_000);
    assert_eq!(host.now().to_string(), "2026-03-01T11:00:00.150000Z");
}

#[test]
fn a_tick_can_change_and_stop_its_timer() {
    let plugin = guest(
        r#"(global $count (mut i32) (i32.const 0))
           (func (export "proxy_on_configure") (param i32 i32) (result i32)
             (drop (call $set_tick (i32.const 100))) (i32.const 1))
           (func (export "proxy_on_tick") (param i32)
             (call $tell #"tick")
             (global.set $count (i32.add (global.get $count) (i32.const 1)))
             (if (i32.eq (global.get $count) (i32.const 2))
               (then (drop (call $set_tick (i32.const 250)))))
             (if (i32.eq (global.get $count) (i32.const 4))
               (then (drop (call $set_tick (i32.const 0))))))"#,
    );
    let mut host = Host::builder(plugin).workers(0).start().unwrap();
    host.advance(5_000_000_000).unwrap();
    let times: Vec<u64> = ticks(&host, Timestamp(0)).into_iter().map(|(ms, _)| ms).collect();
    assert_eq!(times, [100, 200, 450, 700]);
}

#[test]
fn a_new_period_calls_off_the_tick_that_was_on_its_way() {
    let plugin = guest(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
             (drop (call $set_tick (i32.const 300))) (i32.const 1))
           (func (export "proxy_on_new_connection") (param i32) (result i32)
             (drop (call $set_tick (i32.const 500))) (i32.const 0))
           (func (export "proxy_on_tick") (param i32) (call $tell #"tick"))"#,
    );
    let mut host = Host::builder(plugin).start().unwrap();
    host.advance(100_000_000).unwrap();
    host.open_tcp(0, Default::default()).unwrap();
    host.advance(1_100_000_000).unwrap();
    let of_worker = ticks(&host, Timestamp(0)).into_iter().filter(|(_, thread)| thread != "main");
    let times: Vec<u64> = of_worker.map(|(ms, _)| ms).collect();
    assert_eq!(times, [600, 1100]);
}

#[test]
fn the_guest_reads_the_virtual_clock() {
    let plugin = guest(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
             (drop (call $set_tick (i32.const 1500))) (i32.const 1))
           (func (export "proxy_on_tick") (param i32)
             (drop (call $now (i32.const 16)))
             (call $say #"ms"
               (i32.wrap_i64 (i64.div_u (i64.load (i32.const 16)) (i64.const 1000000)))))"#,
    );
    let mut host = Host::builder(plugin).start_time(Timestamp(7_000_000)).start().unwrap();
    host.advance(3_000_000_000).unwrap();
    assert_eq!(crate::guest::worker_lines(&host), ["ms 1507", "ms 3007"]);
}
