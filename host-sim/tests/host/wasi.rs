//! WASI, and the ways in which guests of other languages start.

use host_sim::{EventKind, Host, LogLevel, Plugin, Thread, Timestamp};

use crate::guest::{failures, lines_of, wat, worker_lines};

/// A guest whose body comes after these imports of WASI.
fn plugin(body: &str) -> Plugin {
    let import = |module: &str, name: &str, params: &str| {
        format!(r#"(import "{module}" "{name}" (func ${name} (param {params}) (result i32)))"#)
    };
    let wasi = "wasi_snapshot_preview1";
    let imports = [
        import(wasi, "clock_time_get", "i32 i64 i32"),
        import(wasi, "random_get", "i32 i32"),
        import(wasi, "fd_write", "i32 i32 i32 i32"),
        import(wasi, "fd_fdstat_get", "i32 i32"),
        import("wasi_unstable", "fd_prestat_get", "i32 i32"),
        import(wasi, "environ_sizes_get", "i32 i32"),
        import(wasi, "environ_get", "i32 i32"),
        import(wasi, "args_sizes_get", "i32 i32"),
        import(wasi, "poll_oneoff", "i32 i32 i32 i32"),
        import(wasi, "path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32"),
        r#"(import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))"#.to_owned(),
        r#"(import "env" "emscripten_notify_memory_growth" (func $grown (param i32)))"#.to_owned(),
    ];
    let wat = wat(body).replacen("(module", &format!("(module {}", imports.concat()), 1);
    Plugin::load(wat.as_bytes()).expect("the guest is valid")
}

#[test]
fn time_is_virtual_and_randomness_repeats() {
    let body = r#"
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (call $say #"clock" (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 0)))
          (call $say #"ns" (i32.load (i32.const 0)))
          (call $say #"cpu" (call $clock_time_get (i32.const 2) (i64.const 1) (i32.const 0)))
          (call $say #"bad" (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const -4)))
          (call $say #"random" (call $random_get (i32.const 0) (i32.const 3)))
          (call $say #"bytes" (i32.and (i32.load (i32.const 0)) (i32.const 0xffffff)))
          (call $say #"most" (call $random_get (i32.const 65536) (i32.const 65536)))
          (call $say #"more" (call $random_get (i32.const 65535) (i32.const 65537)))
          (i32.const 1))"#;
    let run = |seed| {
        let builder = Host::builder(plugin(body)).start_time(Timestamp(1234)).seed(seed);
        let host = builder.start().unwrap();
        (worker_lines(&host), lines_of(&host, Thread::Main))
    };
    let (worker, main) = run(1);
    assert_eq!(worker[..5], ["clock 0", "ns 1234", "cpu 58", "bad 21", "random 0"]);
    assert_eq!(worker[6..], ["most 0", "more 28"]);
    assert_ne!(worker[5], main[5], "threads differ");
    assert_eq!(run(1), (worker.clone(), main));
    assert_ne!(run(2).0[5], worker[5]);
}

#[test]
fn standard_output_becomes_the_log() {
    let body = r#"
        (data (i32.const 512) "one \00\00\00\00two\0a")
        (data (i32.const 600) "\00\02\00\00\04\00\00\00\08\02\00\00\04\00\00\00")
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (call $say #"out" (call $fd_write (i32.const 1) (i32.const 600) (i32.const 2) (i32.const 0)))
          (call $say #"written" (i32.load (i32.const 0)))
          (call $say #"err" (call $fd_write (i32.const 2) (i32.const 608) (i32.const 1) (i32.const 0)))
          (call $say #"file" (call $fd_write (i32.const 3) (i32.const 600) (i32.const 2) (i32.const 0)))
          (call $say #"bad list" (call $fd_write (i32.const 1) (i32.const -8) (i32.const 1) (i32.const 0)))
          (call $say #"long list" (call $fd_write (i32.const 1) (i32.const 0) (i32.const -1) (i32.const 0)))
          (call $say #"stat" (call $fd_fdstat_get (i32.const 1) (i32.const 0)))
          (call $say #"stat" (call $fd_fdstat_get (i32.const 0) (i32.const 0)))
          (call $say #"prestat" (call $fd_prestat_get (i32.const 3) (i32.const 0)))
          (call $say #"poll" (call $poll_oneoff (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
          (call $say #"open" (call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0)
            (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 0)))
          (call $grown (i32.const 0))
          (i32.const 1))"#;
    let host = Host::builder(plugin(body)).start().unwrap();
    let expected = [
        "one two",
        "out 0",
        "written 8",
        "two",
        "err 0",
        "file 8",
        "bad list 21",
        "long list 21",
        "stat 0",
        "stat 8",
        "prestat 8",
        "poll 0",
        "open 44",
    ];
    assert_eq!(worker_lines(&host), expected);
    let timeline = host.timeline();
    let levels = |message: &str| {
        timeline.iter().find_map(|event| match &event.kind {
            EventKind::Log { level, message: text } if text == message => Some(*level),
            _ => None,
        })
    };
    assert_eq!([levels("one two"), levels("two")], [Some(LogLevel::Info), Some(LogLevel::Error)]);
}

#[test]
fn the_environment_is_what_the_proxy_gives() {
    let body = r#"
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (call $say #"sizes" (call $environ_sizes_get (i32.const 0) (i32.const 4)))
          (call $say #"count" (i32.load (i32.const 0)))
          (call $say #"bytes" (i32.load (i32.const 4)))
          (call $say #"get" (call $environ_get (i32.const 16) (i32.const 64)))
          (call $tell (i32.load (i32.const 16)) (i32.const 3))
          (call $tell (i32.load (i32.const 20)) (i32.const 5))
          (call $say #"arguments" (call $args_sizes_get (i32.const 0) (i32.const 4)))
          (call $say #"count" (i32.load (i32.const 0)))
          (i32.const 1))"#;
    let builder = Host::builder(plugin(body)).environment("A", "1").environment("BC", "23");
    let host = builder.start().unwrap();
    let expected =
        ["sizes 0", "count 2", "bytes 10", "get 0", "A=1", "BC=23", "arguments 0", "count 0"];
    assert_eq!(worker_lines(&host), expected);
}

#[test]
fn a_guest_that_ends_itself_has_failed() {
    for code in [0, 7] {
        let body = format!(
            r#"(func (export "proxy_on_new_connection") (param i32) (result i32)
                 (call $proc_exit (i32.const {code})) (i32.const 0))"#
        );
        let mut host = Host::builder(plugin(&body)).start().unwrap();
        host.open_tcp(0, Default::default()).unwrap();
        let reason =
            format!("proxy_on_new_connection: the guest ended itself by proc_exit({code})");
        assert_eq!(failures(&host), [reason]);
    }
}

#[test]
fn guests_start_by_initialize_and_main_or_by_start_or_by_constructors() {
    let initialize = r#"(func (export "_initialize") (call $tell #"initialize"))"#;
    let main = r#"(func (export "main") (param i32 i32) (result i32)
        (call $say #"main" (local.get 0)) (i32.const 0))"#;
    let bare_main = r#"(func (export "main") (result i32) (call $tell #"bare") (i32.const 0))"#;
    let start = r#"(func (export "_start") (call $tell #"start"))"#;
    let constructors = r#"(func (export "__wasm_call_ctors") (call $tell #"constructors"))"#;
    for (body, expected) in [
        ([initialize, main, start, constructors].concat(), &["initialize", "main 0"][..]),
        ([initialize, bare_main].concat(), &["initialize", "bare"]),
        ([start, main, constructors].concat(), &["start"]),
        (constructors.to_owned(), &["constructors"]),
        (String::new(), &[]),
    ] {
        let host = Host::builder(plugin(&body)).start().unwrap();
        assert_eq!(worker_lines(&host), expected);
    }
}
