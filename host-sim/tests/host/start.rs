//! How VMs start: the canary, main, the workers; and when a configuration can be read.

use host_sim::{Host, Thread};

use crate::guest::{guest, lines, lines_of};

const CONFIGURATION: &str = r#"
    (func $try (param $text i32) (param $size i32)
      (call $say (local.get $text) (local.get $size)
        (call $get_buffer (i32.const 7) (i32.const 0) (i32.const 100) (i32.const 0) (i32.const 4))))
    (func (export "_initialize") (call $tell #"initialize"))
    (func (export "proxy_on_context_create") (param i32 i32)
      (call $say #"create" (local.get 0))
      (call $try #"create sees"))
    (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
      (call $say #"vm_start" (local.get 1)) (i32.const 1))
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
      (call $say #"configure" (local.get 1))
      (call $try #"configure sees")
      (call $tell_given)
      (drop (call $set_tick (i32.const 10)))
      (i32.ne (i32.load8_u (i32.load (i32.const 0))) (i32.const 33)))
    (func (export "proxy_on_tick") (param i32) (call $try #"tick sees"))
    (func (export "proxy_on_done") (param i32) (result i32) (call $tell #"done") (i32.const 1))
"#;

#[test]
fn the_canary_tries_the_configuration_and_goes() {
    let host = Host::builder(guest(CONFIGURATION)).workers(2).configuration("abc");
    let mut host = host.vm_configuration("vm").start().unwrap();
    let start = [
        "initialize",
        "create 1",
        "create sees 0",
        "vm_start 2",
        "configure 3",
        "configure sees 0",
        "abc",
    ];
    let threads = ["canary", "main", "worker 0", "worker 1"];
    let expected: Vec<String> =
        threads.iter().flat_map(|t| start.map(|line| format!("{t}: {line}"))).collect();
    assert_eq!(lines(&host.timeline()), expected);

    host.advance(25_000_000).unwrap();
    assert_eq!(lines_of(&host, Thread::Canary).len(), start.len());
    assert_eq!(lines_of(&host, Thread::Main)[start.len()..], ["tick sees 1", "tick sees 1"]);
}

#[test]
fn a_refused_configuration_ends_with_the_canary() {
    let start = Host::builder(guest(CONFIGURATION)).configuration("!").start();
    let failure = start.err().unwrap();
    assert_eq!(failure.to_string(), "on canary: the plugin refused in proxy_on_configure");
    let lines = lines(&failure.timeline);
    assert!(lines.contains(&"canary: configure 1".to_owned()));
    assert!(lines.iter().all(|line| line.starts_with("canary")));
}
