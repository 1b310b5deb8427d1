//! Guests that mean harm, or are broken: whatever they do, the host says what went wrong and goes
//! on.

use host_sim::{
    Cluster, Direction, GrpcUpstream, Host, HostError, LogEntry, Peer, Plugin, PluginError, Reply,
    limits::MAX_MODULE_BYTES,
};

use crate::{
    guest::{failures, guest, pairs, wat, worker_lines},
    hostile_guest,
};

const SECOND: u64 = 1_000_000_000;

/// The callbacks, with how many parameters they have and whether they answer.
const CALLBACKS: &[(&str, usize, bool)] = &[
    ("proxy_on_context_create", 2, false),
    ("proxy_on_vm_start", 2, true),
    ("proxy_on_configure", 2, true),
    ("proxy_on_tick", 1, false),
    ("proxy_on_new_connection", 1, true),
    ("proxy_on_downstream_data", 3, true),
    ("proxy_on_upstream_data", 3, true),
    ("proxy_on_downstream_connection_close", 2, false),
    ("proxy_on_upstream_connection_close", 2, false),
    ("proxy_on_request_headers", 3, true),
    ("proxy_on_request_body", 3, true),
    ("proxy_on_request_trailers", 2, true),
    ("proxy_on_response_headers", 3, true),
    ("proxy_on_response_body", 3, true),
    ("proxy_on_response_trailers", 2, true),
    ("proxy_on_http_call_response", 5, false),
    ("proxy_on_grpc_receive", 3, false),
    ("proxy_on_grpc_close", 3, false),
    ("proxy_on_queue_ready", 2, false),
    ("proxy_on_foreign_function", 3, false),
    ("proxy_on_done", 1, true),
    ("proxy_on_log", 1, false),
    ("proxy_on_delete", 1, false),
];

/// A guest whose every callback but this one does its part, and this one does that.
fn fails_in(name: &str, what: &str) -> Plugin {
    let headers = pairs(&[(":method", "GET"), (":path", "/"), (":authority", "a")]);
    let mut body = String::new();
    for (callback, params, answers) in CALLBACKS {
        let params = vec!["i32"; *params].join(" ");
        let result = if *answers { "(result i32)" } else { "" };
        let work = match *callback {
            _ if *callback == name => what.to_owned(),
            "proxy_on_configure" => format!(
                r##"(drop (call $set_tick (i32.const 1000)))
                (drop (call $http_call #"svc" #"{headers}" (i32.const 0) (i32.const 0)
                  (i32.const 0) (i32.const 0) (i32.const 100) (i32.const 16)))
                (drop (call $grpc_call #"svc" #"s" #"m" (i32.const 0) (i32.const 0) #"x"
                  (i32.const 100) (i32.const 16)))
                (drop (call $grpc_call #"none" #"s" #"m" (i32.const 0) (i32.const 0) #"x"
                  (i32.const 100) (i32.const 16)))
                (drop (call $register_queue #"q" (i32.const 16)))
                (drop (call $enqueue (i32.load (i32.const 16)) #"item"))"##
            ),
            _ => String::new(),
        };
        let answer = match *callback {
            "proxy_on_vm_start" | "proxy_on_configure" | "proxy_on_done" => "(i32.const 1)",
            _ if *answers => "(i32.const 0)",
            _ => "",
        };
        body +=
            &format!(r#"(func (export "{callback}") (param {params}) {result} {work} {answer})"#);
    }
    guest(&body)
}

fn pair(name: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    (name.into(), value.into())
}

/// Everything that can happen to a plugin, once.
fn everything(host: &mut Host) {
    let id = host.open_tcp(0, Default::default()).unwrap();
    host.send(id, Direction::FromDownstream, b"ab".to_vec(), false).unwrap();
    host.send(id, Direction::FromUpstream, b"cd".to_vec(), true).unwrap();
    host.close_tcp(id, Peer::Remote).unwrap();
    let id = host.open_http(0, Default::default(), vec![pair(":path", "/")], false).unwrap();
    host.send(id, Direction::FromDownstream, b"ab".to_vec(), false).unwrap();
    host.request_trailers(id, vec![pair("t", "1")]).unwrap();
    host.response_headers(id, vec![pair(":status", "200")], false).unwrap();
    host.send(id, Direction::FromUpstream, b"cd".to_vec(), false).unwrap();
    host.response_trailers(id, vec![pair("t", "1")]).unwrap();
    host.finish_http(id).unwrap();
    host.access_log(0, LogEntry::default()).unwrap();
    host.call_foreign(0, 1, b"x".to_vec()).unwrap();
    host.advance(SECOND).unwrap();
    host.open_tcp(0, Default::default()).unwrap();
    host.drain().unwrap();
    host.terminate();
}

fn start(plugin: Plugin) -> Result<Host, String> {
    let answers = Cluster::grpc(GrpcUpstream::message(b"m"));
    let builder = Host::builder(plugin).cluster("svc", answers);
    let none = Cluster::grpc(GrpcUpstream::new(|_, _| Vec::new()));
    let builder = builder.cluster("none", none).callback_fuel(500_000);
    builder.start().map_err(|failure| failure.to_string())
}

#[test]
fn a_guest_may_fail_in_any_callback() {
    for (what, reason) in [
        ("(unreachable)", "wasm `unreachable` instruction executed"),
        ("(loop $for_ever (br $for_ever))", "it ran for too long"),
        ("(drop (i32.load (i32.const -4)))", "out of bounds memory access"),
    ] {
        for (callback, _, _) in CALLBACKS {
            match start(fails_in(callback, what)) {
                Err(error) => {
                    assert!(error.contains(callback) && error.contains(reason), "{error}")
                }
                Ok(mut host) => {
                    everything(&mut host);
                    let failures = failures(&host);
                    let is_told =
                        |told: &String| told.starts_with(callback) && told.contains(reason);
                    assert!(failures.iter().any(is_told), "{callback}: {failures:?}");
                }
            }
        }
    }
}

#[test]
fn a_guest_that_calls_itself_through_its_allocator_runs_out_of_stack() {
    let body = r#"(func (export "proxy_on_new_connection") (param i32) (result i32)
        (call $get_property #"plugin_vm_id" (i32.const 0) (i32.const 4)))"#;
    let wat = wat(body).replace(
        "(local.set $start (global.get $heap))",
        r#"(drop (call $get_property (i32.const 8192) (i32.const 12) (i32.const 0) (i32.const 4)))
        (local.set $start (global.get $heap))"#,
    );
    let plugin = Plugin::load(wat.as_bytes()).unwrap();
    let mut host = Host::builder(plugin).vm_id("deep").start().unwrap();
    host.open_tcp(0, Default::default()).unwrap();
    let failures = failures(&host);
    assert_eq!(failures, ["proxy_on_new_connection: wasm trap: call stack exhausted"]);
}

#[test]
fn host_calls_use_fuel_so_that_a_loop_of_them_ends_and_holds_little() {
    let headers = pairs(&[(":method", "GET"), (":path", "/"), (":authority", "a")]);
    for call in [
        r#"(call $log (i32.const 2) (i32.const 0) (i32.const 65536))"#.to_owned(),
        r#"(call $set_tick (i32.const 1))"#.to_owned(),
        r#"(call $resume (i32.const 2))"#.to_owned(),
        r#"(call $close (i32.const 2))"#.to_owned(),
        r#"(call $enqueue (i32.load (i32.const 16)) (i32.const 0) (i32.const 65536))"#.to_owned(),
        r#"(call $register_queue (i32.const 0) (i32.const 9) (i32.const 16))"#.to_owned(),
        r#"(call $set_shared (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 65536) (i32.const 0))"#.to_owned(),
        r#"(call $define_metric (i32.const 0) (i32.const 64) (i32.const 9) (i32.const 16))"#.to_owned(),
        r#"(call $get_status (i32.const 0) (i32.const 4) (i32.const 8))"#.to_owned(),
        format!(
            r##"(call $http_call #"svc" #"{headers}" (i32.const 0) (i32.const 0)
              (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 16))"##
        ),
        r##"(call $grpc_stream #"svc" #"s" #"m" (i32.const 0) (i32.const 0) (i32.const 16))"##.to_owned(),
    ] {
        let body = format!(
            r#"(func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32)
                 (drop (call $register_queue #"q" (i32.const 16)))
                 (loop $for_ever
                   (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
                   (drop {call}) (br $for_ever))
                 (i32.const 0))"#
        );
        let cluster = Cluster::grpc(GrpcUpstream::new(|_, _| Vec::new()));
        let builder = Host::builder(guest(&body)).cluster("svc", cluster);
        let mut host = builder.callback_fuel(50_000_000).start().unwrap();
        let id = host.open_tcp(0, Default::default()).unwrap();
        host.send(id, Direction::FromDownstream, b"x".to_vec(), false).unwrap();
        assert_eq!(failures(&host), ["proxy_on_downstream_data: it ran for too long"], "{call}");
        // 50 million of fuel are at most 100,000 host calls.
        assert!(host.timeline().len() < 100_000, "{call}");
    }
}

#[test]
fn what_fuel_does_not_count_is_ended_by_the_clock() {
    let body = r#"(func (export "proxy_on_new_connection") (param i32) (result i32)
        (drop (memory.grow (i32.const 8000)))
        (loop $for_ever
          (memory.fill (i32.const 0) (i32.const 1) (i32.const 500000000)) (br $for_ever))
        (i32.const 0))"#;
    let mut host = Host::builder(guest(body)).callback_seconds(1).start().unwrap();
    host.open_tcp(0, Default::default()).unwrap();
    assert_eq!(failures(&host), ["proxy_on_new_connection: it ran for too long"]);
}

#[test]
fn huge_modules_memories_and_tables_are_refused() {
    let error = Plugin::load(&vec![b' '; MAX_MODULE_BYTES + 1]).err().unwrap();
    assert!(matches!(error, PluginError::TooLarge(_)), "{error}");
    let error = Plugin::load(&vec![b' '; MAX_MODULE_BYTES]).err();
    assert!(!matches!(error, Some(PluginError::TooLarge(_))));

    let large =
        wat("").replace(r#"(memory (export "memory") 2)"#, r#"(memory (export "memory") 65536)"#);
    let plugin = Plugin::load(large.as_bytes()).unwrap();
    let error = Host::builder(plugin).start().err().unwrap().to_string();
    assert!(error.contains("memory minimum size of 65536 pages exceeds memory limits"), "{error}");
    let table = guest("(table 1000001 funcref)");
    let error = Host::builder(table).start().err().unwrap().to_string();
    assert!(
        error.contains("table minimum size of 1000001 elements exceeds table limits"),
        "{error}"
    );
    assert!(Host::builder(guest("(table 1000000 funcref)")).start().is_ok());
    let two = Plugin::load(wat("(memory 1)").as_bytes()).err().unwrap();
    assert!(matches!(two, PluginError::Invalid(_)), "{two}");
}

#[test]
fn guests_that_answer_each_other_for_ever_are_a_livelock() {
    let headers = pairs(&[(":method", "GET"), (":path", "/"), (":authority", "a")]);
    let body = format!(
        r##"(func $again (drop (call $http_call #"svc" #"{headers}" (i32.const 0) (i32.const 0)
              (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 16))))
            (func (export "proxy_on_configure") (param i32 i32) (result i32)
              (call $again) (i32.const 1))
            (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32) (call $again))"##
    );
    let cluster = Cluster::reply(Reply::new(200));
    let builder = Host::builder(guest(&body)).workers(0).cluster("svc", cluster);
    assert_eq!(builder.start().unwrap().advance(1), Err(HostError::Livelock));
}

/// Chunks of host calls with arguments that are likely to be at some edge.
fn chunks(seed: u64, count: usize) -> Vec<Vec<u8>> {
    let edges = [
        0,
        1,
        2,
        3,
        4,
        5,
        6,
        8,
        9,
        16,
        17,
        99,
        1024,
        4096,
        4099,
        4103,
        4160,
        4174,
        4200,
        4260,
        65_535,
        65_536,
        131_068,
        131_071,
        131_072,
        1 << 31,
        u32::MAX - 3,
        u32::MAX,
    ];
    let mut state = seed;
    let mut next = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let mut chunk = move || {
        let mut bytes = Vec::new();
        for _ in 0..1 + next() % 8 {
            bytes.push(next() as u8);
            for _ in 0..12 {
                bytes.extend_from_slice(&edges[next() % edges.len()].to_le_bytes());
            }
        }
        bytes
    };
    (0..count).map(|_| chunk()).collect()
}

#[test]
fn any_host_call_with_any_arguments_leaves_the_host_well() {
    let plugin = Plugin::load(hostile_guest::wat().as_bytes()).unwrap();
    for seed in 0..40 {
        let mut host = start(plugin.clone()).unwrap();
        for (number, chunk) in chunks(seed, 50).into_iter().enumerate() {
            let id = if number % 2 == 0 {
                host.open_tcp(0, Default::default()).unwrap()
            } else {
                let headers = vec![pair(":path", "/")];
                host.open_http(0, Default::default(), headers, false).unwrap()
            };
            host.send(id, Direction::FromDownstream, chunk, false).unwrap();
            host.exchange(id).unwrap();
        }
        host.advance(SECOND).unwrap();
        host.terminate();
        let failures = failures(&host);
        let known = |told: &String| {
            ["it ran for too long", "out of bounds memory access"]
                .iter()
                .any(|it| told.contains(it))
        };
        assert!(failures.iter().all(known), "seed {seed}: {failures:?}");
        assert!(worker_lines(&host).len() < 100_000, "seed {seed}");
    }
}

#[test]
fn looking_through_very_many_headers_uses_fuel() {
    let body = r##"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (local $round i32)
        (loop $add
          (drop (call $add_header (i32.const 0) #"x" #"y"))
          (local.set $round (i32.add (local.get $round) (i32.const 1)))
          (br_if $add (i32.lt_u (local.get $round) (i32.const 1000))))
        (loop $look
          (drop (call $map_size (i32.const 0) (i32.const 0)))
          (local.set $round (i32.sub (local.get $round) (i32.const 1)))
          (br_if $look (local.get $round)))
        (i32.const 0))"##;
    let failures = |fuel| {
        let mut host = Host::builder(guest(body)).callback_fuel(fuel).start().unwrap();
        host.open_http(0, Default::default(), vec![pair(":path", "/")], true).unwrap();
        failures(&host)
    };
    // A thousand times a thousand headers, and half as many while they are added.
    assert_eq!(failures(20_000_000), ["proxy_on_request_headers: it ran for too long"]);
    assert_eq!(failures(40_000_000), [""; 0]);
}

#[test]
fn asking_for_memory_for_ever_ends_soon() {
    let body = r#"(table $table 1 funcref)
        (func (export "proxy_on_new_connection") (param i32) (result i32)
          (loop $again (drop (memory.grow (i32.const 20000))) (br $again)) (i32.const 0))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (loop $again (drop (table.grow $table (ref.null func) (i32.const 2000000))) (br $again))
          (i32.const 0))
        (func (export "proxy_on_tick") (param i32)
          (local $pages i32)
          (loop $again
            (local.set $pages (i32.add (local.get $pages) (i32.const 1)))
            (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
          (call $say #"grown" (local.get $pages)))
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (drop (call $set_tick (i32.const 500))) (i32.const 1))"#;
    // No clock ends these, and fuel would let them ask for some hundred million times.
    let start = || Host::builder(guest(body)).workers(1).callback_seconds(3600).start().unwrap();
    let mut host = start();
    host.open_tcp(0, Default::default()).unwrap();
    assert_eq!(failures(&host), ["proxy_on_new_connection: it ran for too long"]);
    let mut host = start();
    host.open_http(0, Default::default(), vec![pair(":path", "/")], true).unwrap();
    assert_eq!(failures(&host), ["proxy_on_request_headers: it ran for too long"]);
    // All the memory can be had, a page at a time.
    let mut host = start();
    host.advance(SECOND / 2).unwrap();
    assert_eq!(worker_lines(&host), ["grown 16383"]);
}

#[test]
fn a_few_callbacks_that_take_long_are_a_livelock_too() {
    let body = r#"(func $again
          (drop (call $register_queue #"q" (i32.const 16)))
          (drop (call $enqueue (i32.load (i32.const 16)) #"x")))
        (func (export "proxy_on_configure") (param i32 i32) (result i32) (call $again) (i32.const 1))
        (func (export "proxy_on_queue_ready") (param i32 i32) (local $rest i32)
          (local.set $rest (i32.const 500))
          (loop $work
            (drop (call $set_shared #"k" (i32.const 0) (i32.const 130000) (i32.const 0)))
            (br_if $work (local.tee $rest (i32.sub (local.get $rest) (i32.const 1)))))
          (call $again))"#;
    let mut host = Host::builder(guest(body)).workers(0).start().unwrap();
    assert_eq!(host.advance(1), Err(HostError::Livelock));
    assert!(host.callbacks() < 1000);
}
