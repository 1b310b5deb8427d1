//! Plugins in C++ and Go, as their developers meet the simulator: `inspect`, `init`, `run`, `test`.

use std::fs;
use std::path::Path;
use std::process::Command;

use flow_tests::programs;
use tempfile::TempDir;

#[test]
fn a_plugin_in_cpp_is_shown_and_gets_a_first_scenario() {
    newcomer("cpp", &["proxy_on_request_body", "wasi_snapshot_preview1", "  fd_write\n"]);
}

#[test]
fn a_plugin_in_go_is_shown_and_gets_a_first_scenario() {
    newcomer("go", &["proxy_on_request_body", "wasi_snapshot_preview1", "  poll_oneoff\n"]);
}

fn newcomer(language: &str, shown: &[&str]) {
    let directory = TempDir::new().expect("a directory can be made");
    let module = directory.path().join("words.wasm");
    fs::copy(programs::guest(language), &module).expect("the guest can be copied");

    let text = call(directory.path(), &["inspect", "words.wasm"]);
    for part in ["ABI        0.2.1", "runs here  yes"].iter().chain(shown) {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }

    call(directory.path(), &["init", "words.wasm", "--configuration", "cluster=calls"]);
    let scenario = directory.path().join("words.yaml");
    let written = fs::read_to_string(&scenario).expect("a scenario has been written");
    assert!(written.contains("- http:") && !written.contains("- open:"), "{written}");
    call(directory.path(), &["run", "words.yaml"]);

    // What a developer would add to it.
    let added = "  - expect: { log: { contains: \"hello, 1 times\" } }\n";
    fs::write(&scenario, written.clone() + added).expect("a scenario can be written");
    let text = call(directory.path(), &["test", "."]);
    assert!(text.contains("1 passed"), "{text}");
}

/// Runs the simulator in a directory; gives what it printed.
fn call(directory: &Path, arguments: &[&str]) -> String {
    let mut simulator = Command::new(programs::host_sim());
    let output = simulator.args(arguments).current_dir(directory).output();
    let output = output.expect("the simulator can be started");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{arguments:?} ended with {}:\n{text}", output.status);
    text
}
