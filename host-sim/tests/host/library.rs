//! The library as a plugin's author meets it: what can be read of a host, and what errors are.

use std::error::Error;

use host_sim::{
    Host, HostError, LogLevel, PluginError, PropertyError, Reply, StartError, StartFailure,
    TemplateError, Thread, TimeError, Timestamp, VmFailure, mesh::MeshError, pairs,
    pairs::PairsError, report::Report, runner::RunError, scenario::ScenarioError,
};

use crate::guest::guest;

#[test]
fn errors_go_from_thread_to_thread_and_into_boxes() {
    fn is_error<E: Error + Send + Sync + 'static>() {}
    is_error::<HostError>();
    is_error::<MeshError>();
    is_error::<PairsError>();
    is_error::<PluginError>();
    is_error::<PropertyError>();
    is_error::<RunError>();
    is_error::<ScenarioError>();
    is_error::<StartError>();
    is_error::<StartFailure>();
    is_error::<TemplateError>();
    is_error::<TimeError>();
    is_error::<VmFailure>();
    fn is_shared<T: Send + Sync>() {}
    is_shared::<host_sim::Plugin>();
    is_shared::<Report>();
}

#[test]
fn lines_say_when_where_and_how_important() {
    let body = r#"(func (export "proxy_on_tick") (param i32)
          (drop (call $log (i32.const 3) #"late")))
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (drop (call $set_tick (i32.const 500))) (i32.const 1))"#;
    let mut host = Host::builder(guest(body)).start_time(Timestamp(7)).start().unwrap();
    host.advance(500_000_000).unwrap();
    let lines: Vec<_> = host
        .logs()
        .into_iter()
        .map(|line| (line.at, line.thread, line.level, line.message))
        .collect();
    let line = |thread| (Timestamp(500_000_007), thread, LogLevel::Warn, "late".to_owned());
    assert_eq!(lines, [line(Thread::Main), line(Thread::Worker(0))]);
}

#[test]
fn shared_data_is_that_of_the_plugins_vm_id() {
    let body = r#"(func (export "proxy_on_new_connection") (param i32) (result i32)
          (call $say #"found" (call $get_shared #"given" (i32.const 0) (i32.const 4) (i32.const 8)))
          (call $tell_given)
          (call $say #"set" (call $set_shared #"given" #"changed" (i32.load (i32.const 8))))
          (i32.const 0))"#;
    let mut host = Host::builder(guest(body)).vm_id("a").start().unwrap();
    assert_eq!(host.shared_data(b"given"), None);
    host.set_shared_data(b"given", b"by the test".to_vec());
    host.open_tcp(0, Default::default()).unwrap();
    assert_eq!(crate::guest::worker_lines(&host), ["found 0", "by the test", "set 0"]);
    assert_eq!(host.shared_data(b"given").unwrap(), b"changed");
}

#[test]
fn a_reply_is_made_in_steps() {
    let reply = Reply::new(201).with_header("x-a", "b").with_body("id ${body.id}").unwrap();
    let request = host_sim::CallRequest { body: br#"{"id":7}"#.to_vec(), ..Default::default() };
    let answer = reply.answer(&request);
    assert_eq!((answer.status(), &answer.body[..]), (Some(201), &b"id 7"[..]));
    assert!(answer.headers.contains(&pairs([("x-a", "b")])[0]));
    assert_eq!(Reply::new(200).with_body("${").unwrap_err(), TemplateError::Open);
}
