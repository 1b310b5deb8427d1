//! The commands besides `run`: test, inspect, init, bench, schema.

use serde_json::Value;

use crate::cli::{Cli, HEAD};

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect(text)
}

fn suite() -> Cli {
    let cli = Cli::new(&[]);
    let plugin = |text: &str| text.replace("plugin.wat", "../plugin.wat");
    let good = plugin(HEAD) + "  - expect: {metric: {name: bytes, value: 45}}\n";
    cli.write("all/good.yaml", &good);
    cli.write(
        "all/deep/cases.yml",
        &plugin(&plugin(HEAD)).replace("name: pushes", "name: deep\ncases: [{name: a}, {name: b}]"),
    );
    cli.write("all/.hidden/bad.yaml", "x");
    cli.write("all/notes.txt", "x");
    cli
}

fn add_bad(cli: &Cli) {
    let failing =
        HEAD.replace("plugin.wat", "../plugin.wat").replace("name: pushes", "name: fails");
    cli.write("all/bad.yaml", &(failing + "  - expect: {metric: {name: bytes, value: 46}}\n"));
}

#[test]
fn a_folder_is_tested_and_summed_up() {
    let cli = suite();
    let (code, text) = cli.call(&["test", "all"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("ok     all/deep/cases.yml: deep [a]"), "{text}");
    assert!(text.contains("3 scenarios: 3 passed, 0 failed, 0 could not be run"), "{text}");

    add_bad(&cli);
    let (code, text) = cli.call(&["test", "all", "--jobs", "3"]);
    assert_eq!(code, 1, "{text}");
    for line in [
        "FAILED all/bad.yaml: fails",
        "all/bad.yaml:19: steps[1]: expected bytes to be exactly 46, it is 45",
        "before it, after 23 other events:",
        "           2026-03-01T10:00:20.000000Z  worker 0   call 12: answered 200, 5 bytes",
        "4 scenarios: 3 passed, 1 failed, 0 could not be run",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    // One failure is told with ten events, not with all.
    assert!(!text.contains("canary"), "{text}");
    let (code, text) = cli.call(&["test", "all", "--filter", "deep [b]"]);
    assert_eq!((code, text.contains("1 scenarios: 1 passed")), (0, true), "{text}");
    let (code, text) = cli.call(&["test", "all/good.yaml"]);
    assert_eq!((code, text.contains("1 scenarios: 1 passed")), (0, true), "{text}");
}

#[test]
fn what_cannot_be_run_is_told_beside_the_rest() {
    let cli = suite();
    cli.write("all/broken.yaml", "name: broken\nsteps: [{jump: 1s}]\n");
    cli.write("all/no-plugin.yaml", &HEAD.replace("plugin.wat", "none.wat"));
    cli.write(
        "all/stops.yaml",
        &HEAD
            .replace("plugin.wat", "../plugin.wat")
            .replace("- close: {stream: s}", "- close: {stream: t}"),
    );
    let (code, text) = cli.call(&["test", "all"]);
    assert_eq!(code, 2, "{text}");
    for line in [
        "ERROR  all/broken.yaml: cannot be read",
        "all/broken.yaml:2:10: steps[0]: unknown variant `jump`",
        "all/none.wat: No such file",
        "all/stops.yaml:17: steps[0].repeat(1 of 3)[3]: there is no open stream `t`",
        "6 scenarios: 3 passed, 0 failed, 3 could not be run",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert_eq!(cli.call(&["test", "nowhere"]).0, 2);
    let (code, text) = cli.call(&["test", "all", "--filter", "nothing like it"]);
    assert_eq!(code, 2);
    assert!(text.contains("there is no such scenario"), "{text}");
}

#[test]
fn results_are_junit_and_json_too() {
    let cli = suite();
    add_bad(&cli);
    cli.write("all/broken.yaml", "name: broken\n");
    let (code, text) = cli.call(&["test", "all", "--json", "--junit", "junit.xml"]);
    assert_eq!(code, 2);
    let end = text.rfind('}').unwrap();
    let document = json(&text[..=end]);
    assert_eq!(document["summary"]["passed"], 3);
    assert_eq!(document["summary"]["failed"], 1);
    assert_eq!(document["summary"]["errors"], 1);
    let scenarios = document["scenarios"].as_array().unwrap();
    let of = |name: &str| scenarios.iter().find(|one| one["name"] == name).unwrap();
    assert_eq!(of("fails")["report"]["failures"][0]["line"], 19);
    assert!(of("cannot be read")["error"].as_str().unwrap().contains("missing field"));
    let junit = cli.read("junit.xml");
    for part in [
        r#"<testsuites name="host-sim" tests="5" failures="1" errors="1""#,
        r#"<testcase name="deep [a]" classname="all/deep/cases.yml""#,
        r#"<failure message="FAILED, 1 expectations did not hold">all/bad.yaml:19: steps[1]"#,
        r#"<error message="it could not be run">"#,
    ] {
        assert!(junit.contains(part), "{part} is not in\n{junit}");
    }
}

#[test]
fn a_module_is_shown_as_it_is() {
    let cli = Cli::new(&[]);
    let (code, text) = cli.call(&["inspect", "plugin.wat"]);
    assert_eq!(code, 0, "{text}");
    for line in [
        "ABI        0.2.1",
        "runs here  yes",
        "memory     128 KiB at first, no maximum",
        "  proxy_on_downstream_data\n",
        "imports from env, ",
        "  proxy_http_call\n",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let (_, text) = cli.call(&["inspect", "plugin.wat", "--json"]);
    let document = json(&text);
    assert_eq!(document["refused"], Value::Null);
    let callbacks: Vec<&str> =
        document["callbacks"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(callbacks.contains(&"proxy_on_log") && !callbacks.contains(&"malloc"));

    cli.write(
        "other.wat",
        r#"(module (import "env" "proxy_teleport" (func)) (import "env" "memory" (memory 1 2)))"#,
    );
    let (code, text) = cli.call(&["inspect", "other.wat"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("ABI        none") && text.contains("  memory (not a function)"),
        "{text}"
    );
    assert!(!text.contains("runs here  yes"), "{text}");
    cli.write("text.txt", "hello");
    let (code, text) = cli.call(&["inspect", "text.txt"]);
    assert_eq!((code, text.contains("text.txt: not a WebAssembly module")), (2, true), "{text}");
}

#[test]
fn a_first_scenario_holds_as_it_is_written() {
    let cli = Cli::new(&[]);
    let (code, text) = cli.call(&["init", "plugin.wat", "--configuration", r#"{"a":"${b}"}"#]);
    assert_eq!(code, 0, "{text}");
    let written = cli.read("plugin.yaml");
    for part in [
        "  \"sums\": { latency: 20ms",
        "  - open: {",
        "  - http:",
        "  - expect: { failures: 0 }",
        "  - expect: { callouts: { cluster: \"sums\", count: 2 } }",
    ] {
        assert!(written.contains(part), "{part} is not in\n{written}");
    }
    let (code, text) = cli.call(&["run", "plugin.yaml"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains(r#"{"a":"${b}"}"#), "{text}");

    let (code, text) = cli.call(&["init", "plugin.wat"]);
    assert_eq!((code, text.contains("--force")), (2, true), "{text}");
    assert_eq!(cli.call(&["init", "plugin.wat", "--force"]).0, 0);
    let (code, text) = cli.call(&["init", "plugin.wat", "-o", "-"]);
    assert_eq!((code, text.contains("plugin: \"plugin.wat\"")), (0, true), "{text}");
    // A module that wants a configuration says so.
    let picky = crate::guest::wat(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32) (local.get 1))"#,
    );
    cli.write("picky.wat", &picky);
    let (code, text) = cli.call(&["init", "picky.wat"]);
    assert_eq!((code, text.contains("--configuration gives it one")), (2, true), "{text}");
    let (code, text) = cli.call(&["init", "picky.wat", "--configuration", "@plugin.yaml"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(cli.call(&["run", "picky.yaml"]).0, 0);
    let written = cli.read("picky.yaml");
    assert!(written.contains("  # It takes neither connections nor requests"), "{written}");
}

#[test]
fn a_first_scenario_has_the_streams_that_the_module_has_callbacks_for() {
    let cli = Cli::new(&[]);
    let streams = |callback: &str, params: &str| {
        let body =
            format!(r#"(func (export "{callback}") (param {params}) (result i32) (i32.const 0))"#);
        cli.write("half.wat", &crate::guest::wat(&body));
        let (code, text) = cli.call(&["init", "half.wat", "--force"]);
        assert_eq!(code, 0, "{text}");
        let (code, text) = cli.call(&["run", "half.yaml"]);
        assert_eq!(code, 0, "{text}");
        let written = cli.read("half.yaml");
        (written.contains("- open:"), written.contains("- http:"))
    };
    assert_eq!(streams("proxy_on_downstream_data", "i32 i32 i32"), (true, false));
    assert_eq!(streams("proxy_on_response_body", "i32 i32 i32"), (false, true));
}

#[test]
fn callbacks_have_a_cost_each() {
    // See `bench`.
    let cli = Cli::new(&[]);
    cli.write(
        "scenario.yaml",
        &format!("{HEAD}  - expect: {{metric: {{name: bytes, value: 45}}}}\n"),
    );
    let (code, text) = cli.call(&["bench", "plugin.wat", "scenario.yaml", "--rounds", "4"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("4 rounds") && text.contains("\nproxy_on_downstream_data "), "{text}");
    let measure =
        || json(&cli.call(&["bench", "plugin.wat", "scenario.yaml", "--rounds", "4", "--json"]).1);
    let (first, second) = (measure(), measure());
    let data = &first["callbacks"]["proxy_on_downstream_data"];
    assert_eq!(data["calls"], 4 * 6);
    assert!(data["cpu_ns"].as_u64().unwrap() > 0);
    assert!(data["max_cpu_ns"].as_u64() <= data["cpu_ns"].as_u64());
    // Fuel counts what the guest does, so that it is the same each time.
    assert!(data["fuel_per_call"].as_f64().unwrap() > 5.0);
    assert_eq!(data["fuel"], second["callbacks"]["proxy_on_downstream_data"]["fuel"]);
    // The answer's status and body, and the property, are handed over in memory of the guest.
    let answer = &first["callbacks"]["proxy_on_http_call_response"];
    assert_eq!(answer["calls"], 4 * 3);
    assert_eq!(answer["allocations"], 4 * 3 * 2);
    assert_eq!(answer["allocated_bytes"], 4 * 3 * (3 + 5));
    assert_eq!(answer["memory_bytes"], 0);

    let failing = format!("{HEAD}  - expect: {{metric: {{name: bytes, value: 1}}}}\n");
    cli.write("scenario.yaml", &failing);
    assert_eq!(cli.call(&["bench", "plugin.wat", "scenario.yaml"]).0, 1);
    assert_eq!(cli.call(&["bench", "none.wat", "scenario.yaml"]).0, 2);
}

#[cfg(unix)]
#[test]
fn a_folder_that_links_lead_to_again_counts_once() {
    let cli = suite();
    // Two links in each folder: followed, they would lead through it for ever.
    for name in ["all/again", "all/and-again"] {
        std::os::unix::fs::symlink(".", cli.path(name)).unwrap();
    }
    let (code, text) = cli.call(&["test", "all", "./all", "--jobs", "1000000000"]);
    assert_eq!((code, text.contains("3 scenarios: 3 passed")), (0, true), "{text}");
}

#[test]
fn a_test_whose_reader_is_gone_has_not_passed() {
    let cli = suite();
    for (arguments, expected) in [(&["test", "all"][..], 2), (&["schema"][..], 0)] {
        let mut child =
            cli.command(arguments).stdout(std::process::Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(expected), "{arguments:?}");
    }
}

#[test]
fn an_error_comes_with_the_last_events_and_not_with_all() {
    let cli = suite();
    let many = HEAD.replace("times: 3", "times: 100") + "  - close: {stream: nobody}\n";
    cli.write("many.yaml", &many);
    let (code, text) = cli.call(&["run", "many.yaml"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("earlier events are not shown)"), "{text}");
    assert!(text.contains("there is no open stream `nobody`"), "{text}");
    assert_eq!(text.lines().count(), 202);
}
