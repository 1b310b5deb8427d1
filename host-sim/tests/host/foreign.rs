//! Foreign functions: those of a test, those of Envoy, and the callback that a proxy can use.

use std::{cell::RefCell, rc::Rc};

use host_sim::{
    ForeignCall, Host, HostError, Scenario, Status, Thread, Timestamp,
    runner::{self, Options},
};

use crate::guest::{guest, lines, worker_lines};

/// Calls the function of this name with this text, and tells what comes back.
fn calls(name: &str, arguments: &str) -> String {
    format!(
        r#"(func (export "proxy_on_new_connection") (param i32) (result i32)
             (call $say #"status" (call $foreign #"{name}" #"{arguments}" (i32.const 4) (i32.const 8)))
             (call $tell (i32.load (i32.const 4)) (i32.load (i32.const 8)))
             (call $say #"unwanted" (call $foreign #"{name}" #"{arguments}" (i32.const 0) (i32.const 0)))
             (i32.const 0))"#
    )
}

fn run(host: &mut Host) -> Vec<String> {
    host.open_tcp(0, Default::default()).unwrap();
    worker_lines(host)
}

#[test]
fn a_function_of_the_test_is_called() {
    let calls_seen = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&calls_seen);
    let body = calls("shout", "abc");
    let mut host = Host::builder(guest(&body))
        .start_time(Timestamp(7))
        .foreign_function("shout", move |call, text| {
            log.borrow_mut().push(call);
            Ok(text.to_ascii_uppercase())
        })
        .start()
        .unwrap();
    assert_eq!(run(&mut host), ["status 0", "ABC", "unwanted 0"]);
    let seen = |call: &ForeignCall| (call.thread, call.context, call.now);
    let seen: Vec<_> = calls_seen.borrow().iter().map(seen).collect();
    assert_eq!(seen, [(Thread::Worker(0), 2, Timestamp(7)); 2]);
}

#[test]
fn a_function_fails_with_its_status_and_an_unknown_one_is_not_found() {
    let host = |name: &str| {
        let builder = Host::builder(guest(&calls(name, "")));
        builder.foreign_function("fails", |_, _| Err(Status::ParseFailure)).start().unwrap()
    };
    assert_eq!(run(&mut host("fails")), ["status 4", "", "unwanted 4"]);
    assert_eq!(run(&mut host("nothing")), ["status 1", "", "unwanted 1"]);
}

#[test]
fn envoys_own_functions_are_there() {
    let compressed = |name: &str, data: &str| {
        format!(
            r#"(func (export "proxy_on_new_connection") (param i32) (result i32)
                 (call $say #"status" (call $foreign #"{name}" #"{data}" (i32.const 4) (i32.const 8)))
                 (call $say #"bytes" (i32.load (i32.const 8)))
                 (call $say #"back" (call $foreign #"uncompress"
                   (i32.load (i32.const 4)) (i32.load (i32.const 8)) (i32.const 12) (i32.const 16)))
                 (call $tell (i32.load (i32.const 12)) (i32.load (i32.const 16)))
                 (i32.const 0))"#
        )
    };
    let text = "a".repeat(100);
    let mut host = Host::builder(guest(&compressed("compress", &text))).start().unwrap();
    let lines = run(&mut host);
    assert_eq!([&lines[0], &lines[2], &lines[3]], ["status 0", "back 0", &text]);
    let bytes: usize = lines[1].strip_prefix("bytes ").unwrap().parse().unwrap();
    assert!(bytes < 50, "{bytes}");

    // Path "envoy.app" and value "shop", as in set_envoy_filter_state.proto.
    let set = calls("set_envoy_filter_state", "\\0a\\09envoy.app\\12\\04shop");
    let results = "(call $tell (i32.load (i32.const 4)) (i32.load (i32.const 8)))";
    let body = set.replace(results, r#"(call $tell_property #"filter_state\00envoy.app")"#);
    let mut host = Host::builder(guest(&body)).start().unwrap();
    assert_eq!(run(&mut host)[..2], ["status 0", "shop"]);
    let other = body.replace("\\0a\\09envoy.app", "\\0a\\03app");
    let mut host = Host::builder(guest(&other)).start().unwrap();
    assert_eq!(run(&mut host)[0], "status 1", "Envoy knows no such state");
    let mut host = Host::builder(guest(&calls("declare_property", "\\0a\\03app"))).start().unwrap();
    assert_eq!(run(&mut host), ["status 0", "", "unwanted 2"], "a second time is an error");
}

#[test]
fn a_proxy_can_call_a_function_of_the_guest() {
    let plugin = guest(
        r#"(func $read
             (call $say #"data" (call $get_buffer (i32.const 8) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 4)))
             (call $tell_given))
           (func (export "proxy_on_foreign_function") (param i32 i32 i32)
             (call $say #"root" (local.get 0)) (call $say #"function" (local.get 1))
             (call $say #"bytes" (local.get 2)) (call $read))
           (func (export "proxy_on_new_connection") (param i32) (result i32) (call $read) (i32.const 0))"#,
    );
    let mut host = Host::builder(plugin).start().unwrap();
    host.call_foreign(0, 77, b"abc".to_vec()).unwrap();
    assert_eq!(host.call_foreign(1, 77, Vec::new()), Err(HostError::NoWorker(1)));
    let expected = ["root 1", "function 77", "bytes 3", "data 0", "abc", "data 0", ""];
    assert_eq!(run(&mut host), expected);
}

#[test]
fn after_a_reload_a_proxy_calls_the_new_vm_while_the_old_one_drains() {
    let plugin = guest(
        r#"(func (export "proxy_on_configure") (param i32) (param $size i32) (result i32)
             (drop (call $get_buffer (i32.const 7) (i32.const 0) (local.get $size) (i32.const 16) (i32.const 20)))
             (i32.const 1))
           (func (export "proxy_on_foreign_function") (param i32 i32 i32)
             (call $tell (i32.load (i32.const 16)) (i32.load (i32.const 20))))"#,
    );
    let mut host = Host::builder(plugin).workers(2).configuration("old").start().unwrap();
    // It keeps the old VM of the second worker from ending.
    host.open_tcp(1, Default::default()).unwrap();
    host.call_foreign(1, 1, Vec::new()).unwrap();
    host.reload(Some("new".to_owned()), 1_000_000_000).unwrap();
    host.call_foreign(1, 1, Vec::new()).unwrap();
    host.call_foreign(0, 1, Vec::new()).unwrap();
    assert_eq!(lines(&host.timeline()), ["worker 1: old", "worker 1: new", "worker 0: new"]);
}

#[test]
fn a_scenario_says_what_functions_of_the_proxy_answer() {
    let run = |answer: &str| {
        let text = format!(
            "name: x\nstart: 2026-03-01T10:00:00Z\nforeign_functions: {{ zone: {answer} }}\n\
             steps: [{{ open: {{ stream: a }} }}]\n"
        );
        let scenario = Scenario::parse(&text).map_err(|error| error.to_string())?;
        let report =
            runner::run_plugin(&scenario, &Options::default(), guest(&calls("zone", "where")));
        Ok::<_, String>(lines(&report.unwrap().timeline))
    };
    let expected = ["status 0", "eu", "unwanted 0"].map(|line| format!("worker 0: {line}"));
    assert_eq!(run("{ text: eu }").unwrap(), expected);
    let expected = ["status 4", "", "unwanted 4"].map(|line| format!("worker 0: {line}"));
    assert_eq!(run("{ status: parse_failure }").unwrap(), expected);
    let error = run("{ status: lost }").unwrap_err();
    assert!(error.contains("foreign_functions.zone") && error.contains("lost"), "{error}");
}
