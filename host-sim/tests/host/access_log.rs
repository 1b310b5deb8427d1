//! Access loggers: the root's `on_log` and what it can read meanwhile.

use host_sim::{Host, HostError, LogEntry, Properties, Thread};

use crate::guest::{failures, guest, worker_lines};

fn start() -> Host {
    Host::builder(guest(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
             (drop (call $set_tick (i32.const 1000))) (i32.const 1))
           (func $look
             (call $tell_property #"xds\00cluster_name")
             (call $tell_property #"request\00path")
             (call $say #"header" (call $get_header (i32.const 0) #"x-app" (i32.const 0) (i32.const 4)))
             (call $say #"set" (call $set_property #"mine" #"1")))
           (func (export "proxy_on_context_create") (param i32 i32) (call $say #"create" (local.get 0)))
           (func (export "proxy_on_log") (param i32) (call $say #"log" (local.get 0)) (call $look)
             (if (i32.eqz (call $get_header (i32.const 2) #"x-fail" (i32.const 0) (i32.const 4)))
               (then (unreachable))))
           (func (export "proxy_on_tick") (param i32) (call $tell #"tick") (call $look))"#,
    ))
    .start()
    .unwrap()
}

fn pair(name: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    (name.into(), value.into())
}

#[test]
fn the_root_reads_an_entry_while_it_logs_it_and_not_later() {
    let mut host = start();
    let properties = Properties::new().with(&["xds", "cluster_name"], "backend");
    let request = vec![pair(":path", "/a"), pair("x-app", "shop")];
    let entry = LogEntry::new(properties.clone()).with_request_headers(request);
    host.access_log(0, entry).unwrap();
    host.access_log(0, LogEntry::new(properties)).unwrap();
    host.advance(1_000_000_000).unwrap();
    let expected = [
        &["create 1", "log 1", "backend", "/a", "header 0", "set 1"][..],
        &["log 1", "backend", "request\0path 1", "header 1", "set 1"],
        &["tick", "xds\0cluster_name 1", "request\0path 1", "header 2", "set 1"],
    ];
    assert_eq!(worker_lines(&host), expected.concat());
}

#[test]
fn an_entry_without_a_worker_is_an_error_and_one_without_a_guest_is_not() {
    let mut host = start();
    assert_eq!(host.access_log(1, LogEntry::default()), Err(HostError::NoWorker(1)));
    let response = vec![pair("x-fail", "1")];
    let entry = LogEntry::default().with_response_headers(response);
    host.access_log(0, entry.clone()).unwrap();
    host.access_log(0, entry).unwrap();
    assert_eq!(failures(&host).len(), 1);
    assert_eq!(worker_lines(&host).iter().filter(|line| *line == "log 1").count(), 1);
}

#[test]
fn after_a_reload_it_is_the_new_vm_that_logs() {
    let mut host = start();
    host.fail_plugin(Thread::Worker(0)).unwrap();
    host.access_log(0, LogEntry::default()).unwrap();
    let logged = |host: &Host| worker_lines(host).iter().filter(|line| *line == "log 1").count();
    assert_eq!(logged(&host), 0);
    // The old VM is still there, to drain.
    host.reload(None, 1_000_000_000).unwrap();
    host.access_log(0, LogEntry::default()).unwrap();
    assert_eq!(logged(&host), 1);
}
