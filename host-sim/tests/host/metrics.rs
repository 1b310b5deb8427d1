//! Metrics are process-wide by name.

use host_sim::{Host, MetricKind};

use crate::guest::{guest, worker_lines};

#[test]
fn workers_count_together() {
    let plugin = guest(
        r#"
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (drop (call $define_metric (i32.const 0) #"hits" (i32.const 16)))
          (drop (call $define_metric (i32.const 1) #"level" (i32.const 20)))
          (drop (call $define_metric (i32.const 2) #"sizes" (i32.const 24)))
          (call $say #"kinds" (i32.add (i32.and (i32.load (i32.const 20)) (i32.const 3))
            (i32.mul (i32.and (i32.load (i32.const 24)) (i32.const 3)) (i32.const 10))))
          (i32.const 1))
        (func (export "proxy_on_new_connection") (param i32) (result i32)
          (call $say #"hit" (call $increment_metric (i32.load (i32.const 16)) (i64.const 3)))
          (call $say #"by none" (call $increment_metric (i32.load (i32.const 16)) (i64.const 0)))
          (call $say #"back" (call $increment_metric (i32.load (i32.const 16)) (i64.const -1)))
          (call $say #"level" (call $record_metric (i32.load (i32.const 20)) (i64.const 9)))
          (call $say #"down" (call $increment_metric (i32.load (i32.const 20)) (i64.const -2)))
          (call $say #"size" (call $record_metric (i32.load (i32.const 24)) (i64.const 100)))
          (call $say #"read size" (call $get_metric (i32.load (i32.const 24)) (i32.const 32)))
          (call $say #"unknown" (call $increment_metric (i32.const 400) (i64.const 1)))
          (call $say #"kind" (call $define_metric (i32.const 3) #"x" (i32.const 28)))
          (drop (call $get_metric (i32.load (i32.const 16)) (i32.const 32)))
          (call $say #"hits" (i32.load (i32.const 32)))
          (i32.const 0))"#,
    );
    let mut host = Host::builder(plugin).workers(2).start().unwrap();
    host.open_tcp(1, Default::default()).unwrap();
    host.open_tcp(0, Default::default()).unwrap();
    let expected = [
        // The lowest two bits of an id are the kind: 1 for the gauge, 2 for the histogram.
        "kinds 21",
        "hit 0",
        "by none 2",
        "back 2",
        "level 0",
        "down 0",
        "size 0",
        "read size 2",
        "unknown 1",
        "kind 2",
        "hits 6",
    ];
    assert_eq!(worker_lines(&host), expected);
    let metrics = host.metrics();
    let metric = |name: &str| (metrics[name].kind, metrics[name].value);
    assert_eq!(metric("hits"), (MetricKind::Counter, 6));
    assert_eq!(metric("level"), (MetricKind::Gauge, 7));
    assert_eq!(metric("sizes"), (MetricKind::Histogram, 2));
}
