//! Several plugins in one VM: a root for each, which share the VM and nothing else.

use host_sim::{Direction, Host, LogEntry, Place, PluginSettings, Thread, limits::MAX_PLUGINS};

use crate::guest::{guest, lines, lines_of, worker_lines};

const BODY: &str = r#"
    (global $ticks (mut i32) (i32.const 0))
    (func (export "proxy_on_context_create") (param i32 i32)
      (call $say #"create" (local.get 0)) (call $say #" of" (local.get 1)))
    (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
      (call $say #"start" (local.get 0)) (i32.const 1))
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
      (drop (call $get_buffer (i32.const 7) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 4)))
      (call $tell_given)
      (call $tell_property #"plugin_root_id")
      (drop (call $set_tick (i32.mul (local.get 0) (i32.const 1000))))
      (i32.const 1))
    (func (export "proxy_on_tick") (param i32) (call $say #"tick" (local.get 0)))
    (func (export "proxy_on_log") (param i32)
      (call $say #"log" (local.get 0)) (call $tell_property #"plugin_name"))
    (func (export "proxy_on_new_connection") (param i32) (result i32)
      (call $tell_property #"plugin_name") (i32.const 0))
    (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32)
      (drop (call $register_queue #"q" (i32.const 0)))
      (drop (call $enqueue (i32.load (i32.const 0)) #"item"))
      (i32.const 0))
    (func (export "proxy_on_queue_ready") (param i32 i32) (call $say #"ready" (local.get 0)))
    (func (export "proxy_on_done") (param i32) (result i32)
      (call $say #"done" (local.get 0)) (i32.const 1))
    (func (export "proxy_on_delete") (param i32) (call $say #"delete" (local.get 0)))
"#;

fn start() -> Host {
    let second = PluginSettings {
        name: "second".to_owned(),
        root_id: "b".to_owned(),
        configuration: "two".to_owned(),
    };
    let first = Host::builder(guest(BODY)).plugin_name("first").root_id("a").configuration("one");
    first.another_plugin(second).start().unwrap()
}

#[test]
fn each_plugin_has_a_root_with_its_own_configuration_and_timer() {
    let mut host = start();
    // The order and the ids were measured with Envoy 1.40.
    let first = ["create 1", " of 0", "start 1", "one", "a"];
    let second = ["create 2", " of 0", "start 2", "two", "b"];
    assert_eq!(worker_lines(&host), [first, second].concat());
    let alone = ["create 1", " of 0", "start 1", "two", "b"];
    assert_eq!(lines_of(&host, Thread::Canary), [first, alone].concat());
    host.advance(2_000_000_000).unwrap();
    assert_eq!(worker_lines(&host)[10..], ["tick 1", "tick 2", "tick 1"]);
}

#[test]
fn streams_and_log_entries_say_whose_they_are() {
    let mut host = start();
    let (first, second) = (Place::from(0), Place { worker: 0, plugin: 1 });
    host.open_tcp(first, Default::default()).unwrap();
    let id = host.open_tcp(second, Default::default()).unwrap();
    host.access_log(second, LogEntry::default()).unwrap();
    host.send(id, Direction::FromDownstream, vec![0], false).unwrap();
    let expected =
        ["create 3", " of 1", "first", "create 4", " of 2", "second", "log 2", "second", "ready 2"];
    assert_eq!(worker_lines(&host)[10..], expected);
    let nobody = Place { worker: 0, plugin: 2 };
    let error = host.open_tcp(nobody, Default::default()).unwrap_err();
    assert_eq!(error.to_string(), "there is no plugin 2");
}

#[test]
fn streams_end_before_their_roots_and_the_newest_root_ends_first() {
    let run = |terminate: bool| {
        let mut host = start();
        host.open_tcp(0, Default::default()).unwrap();
        if terminate {
            host.terminate();
        } else {
            assert_eq!(host.drain().unwrap(), 0);
        }
        assert!(lines(&host.timeline()).contains(&"main: delete 1".to_owned()));
        worker_lines(&host)[13..].to_vec()
    };
    let expected =
        ["done 3", "log 3", "first", "delete 3", "done 2", "delete 2", "done 1", "delete 1"];
    assert_eq!(run(true), expected);
    assert_eq!(run(false), expected);
}

#[test]
fn there_are_only_so_many_plugins() {
    let with = |count| {
        let builder = Host::builder(guest("")).workers(0);
        (1..count).fold(builder, |builder, _| builder.another_plugin(PluginSettings::default()))
    };
    assert!(with(MAX_PLUGINS).start().is_ok());
    let failure = with(MAX_PLUGINS + 1).start().err().unwrap();
    assert_eq!(failure.to_string(), "65 plugins in one VM are more than 64");
}
