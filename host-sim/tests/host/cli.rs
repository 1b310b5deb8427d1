//! Scenarios and commands as the tests run them: a guest in a folder of its own, and the program.

use std::process::{Command, Output};

use tempfile::TempDir;

use crate::guest::{pairs, wat};

/// Counts bytes and pushes their sum as JSON when a stream ends; fails when it is asked to. Says
/// what it sees of requests, and marks them.
pub fn pusher() -> String {
    let headers = pairs(&[
        (":method", "POST"),
        (":path", "/push"),
        (":authority", "sums"),
        ("content-type", "text/x"),
    ]);
    wat(&format!(
        r##"
        (global $bytes (mut i32) (i32.const 0))
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (drop (call $get_buffer (i32.const 7) (i32.const 0) (i32.const 99) (i32.const 0) (i32.const 4)))
          (call $tell_given)
          (drop (call $define_metric (i32.const 0) #"bytes" (i32.const 24)))
          (i32.const 1))
        (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32)
          (if (i32.eq (local.get 1) (i32.const 666)) (then (unreachable)))
          (global.set $bytes (i32.add (global.get $bytes) (local.get 1)))
          (drop (call $increment_metric (i32.load (i32.const 24)) (i64.extend_i32_u (local.get 1))))
          (i32.const 0))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (drop (call $replace_header (i32.const 0) #"x-guest" #"was here"))
          (drop (call $set_property #"seen" #"yes"))
          (call $say #"request ends" (local.get 2))
          (i32.const 0))
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
          (call $say #"request body" (local.get 1))
          (if (i32.eq (local.get 1) (i32.const 403)) (then
            (drop (call $local_response (i32.const 403) (i32.const 0) (i32.const 0) #"not this"
              (i32.const 0) (i32.const 0) (i32.const -1)))
            (return (i32.const 1))))
          (drop (call $now (i32.const 32)))
          (call $say #"second" (i32.wrap_i64 (i64.rem_u (i64.div_u (i64.load (i32.const 32))
            (i64.const 1000000000)) (i64.const 86400))))
          (i32.const 0))
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
          (drop (call $replace_header (i32.const 2) #"server" #"guest"))
          (i32.const 0))
        (func (export "proxy_on_log") (param i32)
          (call $say #"bytes" (global.get $bytes))
          (call $tell_property #"xds\00cluster_name")
          (drop (call $http_call #"sums" #"{headers}" #"{{\22sum\22:5}}"
            (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 16))))
        (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
          (call $say #"status" (call $get_header (i32.const 6) #":status" (i32.const 0) (i32.const 4)))
          (if (local.get 2) (then (call $tell_given)))
          (drop (call $get_buffer (i32.const 4) (i32.const 0) (i32.const 99) (i32.const 0) (i32.const 4)))
          (call $tell_given))"##
    ))
}

/// A scenario that pushes three times, up to its steps.
pub const HEAD: &str = "
name: pushes
plugin: plugin.wat
start: 2026-03-01T10:00:00Z
configuration: {mode: a}
callouts:
  sums: {reply: {body: 'got ${body.sum}'}}
streams:
  usual: {xds: {cluster_name: backend}}
steps:
  - repeat:
      times: 3
      steps:
        - open: {stream: s, with: usual}
        - downstream: {stream: s, bytes: 10}
        - downstream: {stream: s, text: hello}
        - close: {stream: s}
        - advance: 10s
";

/// The program, in a folder with the guest.
pub struct Cli {
    folder: TempDir,
    arguments: Vec<String>,
}

impl Cli {
    /// With these arguments behind those of a run.
    pub fn new(arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("plugin.wat"), pusher()).unwrap();
        Self { folder, arguments: arguments.iter().map(|argument| (*argument).into()).collect() }
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Reads a file of the folder.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// Runs a scenario; gives its exit code and all that it printed.
    pub fn run(&self, scenario: &str) -> (i32, String) {
        self.write("scenario.yaml", scenario);
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        self.call(&[&["run", "scenario.yaml"], arguments.as_slice()].concat())
    }

    /// Where a file of the folder is.
    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// The program with these arguments, in the folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_host-sim"));
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    /// Runs a command in the folder; gives its exit code and all that it printed.
    pub fn call(&self, arguments: &[&str]) -> (i32, String) {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let text = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (status.code().unwrap(), text)
    }
}

/// Runs a scenario that must hold.
#[track_caller]
pub fn holds(scenario: &str) -> String {
    let (code, text) = Cli::new(&[]).run(scenario);
    assert_eq!(code, 0, "{text}");
    text
}

/// Runs a scenario that must not hold, and say so.
#[track_caller]
pub fn fails_with(scenario: &str, problem: &str) -> String {
    let (code, text) = Cli::new(&[]).run(scenario);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains(problem), "{problem} is not in\n{text}");
    text
}

/// Runs a scenario that cannot be run, and must say why.
#[track_caller]
pub fn refused_with(scenario: &str, why: &str) -> String {
    let (code, text) = Cli::new(&[]).run(scenario);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains(why), "{why} is not in\n{text}");
    text
}
