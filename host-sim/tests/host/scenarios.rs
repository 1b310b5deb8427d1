//! Scenarios from files, by the command line.

use crate::{
    cli::{Cli, HEAD},
    http_server::HttpServer,
};

#[test]
fn a_scenario_that_holds_passes() {
    let (code, text) = Cli::new(&[]).run(&format!(
        "{HEAD}
  - expect: {{log: {{contains: bytes 45, worker: 0, count: 1}}}}
  - expect: {{log: {{contains: '{{\"mode\":\"a\"}}', count: 3}}}}
  - expect: {{log: {{contains: got 5, count: 3}}}}
  - expect: {{callouts: {{cluster: sums, status: 200, json: {{/sum: 5}}, count: 3}}}}
  - expect: {{callouts: {{body_contains: nothing, count: 0}}}}
  - expect: {{metric: {{name: bytes, value: {{at_least: 45, at_most: 45}}}}}}
"
    ));
    assert_eq!(code, 0, "{text}");
    for line in [
        "2026-03-01T10:00:00.000000Z  canary     configured",
        "2026-03-01T10:00:10.000000Z  worker 0   stream 2: connection opened",
        "2026-03-01T10:00:20.000000Z  worker 0   call 12: POST /push to sums, 9 bytes",
        "pushes: passed, 6 expectations held",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn what_does_not_hold_is_shown_with_its_values() {
    for (expect, problem) in [
        (
            "log: {contains: status 0, count: 2}",
            "expected exactly 2 log lines with \"status 0\", found 3",
        ),
        ("log: {contains: absent}", "expected at least 1 log lines with \"absent\", found 0"),
        ("callouts: {status: 503}", "expected at least 1 such calls, found 0"),
        ("callouts: {json: {/sum: 6}}", "delivered 1 times"),
        ("callouts: {outcome: reset, count: 1}", "expected exactly 1 such calls, found 0"),
        ("callouts: {worker: 1, count: 1}", "found 0"),
        ("metric: {name: bytes, value: 44}", "expected bytes to be exactly 44, it is 45"),
        ("metric: {name: nope, value: 1}", "there is only [\"bytes\"]"),
        ("failures: 1", "expected exactly 1 failures of the plugin, found 0"),
    ] {
        let (code, text) = Cli::new(&[]).run(&format!("{HEAD}  - expect: {{{expect}}}\n"));
        assert_eq!(code, 1, "{expect}: {text}");
        let line = text.lines().rfind(|line| line.starts_with("NOT AS EXPECTED"));
        assert!(line.is_some_and(|line| line.contains("steps[1]")), "{text}");
        assert!(text.contains(problem), "{problem} is not in\n{text}");
    }
}

#[test]
fn a_plugin_that_fails_fails_the_scenario_unless_that_is_expected() {
    let fail =
        format!("{HEAD}  - open: {{stream: s}}\n  - downstream: {{stream: s, bytes: 666}}\n");
    let (code, text) = Cli::new(&[]).run(&fail);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("FAILED in proxy_on_downstream_data"), "{text}");
    let (code, text) = Cli::new(&[]).run(&format!("{fail}  - expect: {{failures: 1}}\n"));
    assert_eq!(code, 0, "{text}");
}

#[test]
fn faults_and_absence_come_from_the_scenario() {
    let steps = "
  - fault: {cluster: sums, next: [timeout, reset, {status: 500}, refused]}
  - repeat:
      times: 4
      steps: [{open: {stream: s}}, {close: {stream: s}}, {advance: 1s}]
  - away: {cluster: sums, for: 10m}
  - open: {stream: s}
  - close: {stream: s, by: local}
  - expect: {callouts: {status: 504, fault: timeout, deliveries: 0, count: 1}}
  - expect: {callouts: {outcome: reset, count: 1}}
  - expect: {callouts: {status: 500, count: 1}}
  - expect: {callouts: {status: 503, count: 2}}
";
    let (code, text) = Cli::new(&[]).run(&format!("{HEAD}{steps}"));
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("cluster sums is away until 2026-03-01T10:10:34"), "{text}");
}

#[test]
fn named_properties_can_be_changed_for_one_stream() {
    let steps = "
  - open: {stream: s, with: usual, properties: {xds: {cluster_name: reviews}}}
  - set_properties: {stream: s, properties: {other: 1}}
  - close: {stream: s}
  - expect: {log: {contains: backend, count: 3}}
  - expect: {log: {contains: reviews, count: 1}}
";
    let (code, text) = Cli::new(&[]).run(&format!("{HEAD}{steps}"));
    assert_eq!(code, 0, "{text}");
}

#[test]
fn a_real_server_takes_the_place_of_the_canned_answer() {
    let server = HttpServer::start(r#"{"rows":[1,2]}"#);
    let cli = Cli::new(&["--upstream", &format!("sums={}", server.url)]);
    let get = |json: &str| {
        format!("{HEAD}  - expect: {{http_get: {{cluster: sums, path: /rows, json: {json}}}}}\n")
    };
    let (code, text) = cli.run(&get("{rows: [1, 2]}"));
    assert_eq!(code, 0, "{text}");
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    let push = &requests[0];
    assert!(push.starts_with("post /push http/1.1\r\n") && push.ends_with("\r\n\r\n{\"sum\":5}"));
    assert!(push.contains("host: sums\r\n") && push.contains("content-type: text/x\r\n"), "{push}");
    assert!(requests[3].starts_with("get /rows http/1.1\r\n"), "{}", requests[3]);

    let (code, text) = cli.run(&get("{rows: [2, 1]}"));
    assert_eq!(code, 1, "{text}");
    assert!(text.contains(r#"expected {"rows":[2,1]}"#), "{text}");
    assert!(text.contains(r#"got      {"rows":[1,2]}"#), "{text}");
}

#[test]
fn a_server_that_is_not_there_is_a_503() {
    let cli = Cli::new(&["--upstream", "sums=http://127.0.0.1:1"]);
    let expect = "  - expect: {callouts: {status: 503, count: 3}}\n";
    let (code, text) = cli.run(&format!("{HEAD}{expect}"));
    assert_eq!(code, 0, "{text}");
    let get = "  - expect: {http_get: {cluster: sums, path: /rows}}\n";
    let (code, text) = cli.run(&format!("{HEAD}{get}"));
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("GET /rows: no answer"), "{text}");
}

#[test]
fn what_cannot_be_run_says_why() {
    let cli = Cli::new(&[]);
    for (scenario, why) in [
        (HEAD.replace("pushes", "x\ncolour: red"), "colour"),
        (HEAD.replace("plugin.wat", "none.wat"), "none.wat"),
        (
            HEAD.replace("with: usual", "with: other"),
            "steps[0].repeat(1 of 3)[0]: `streams` has no `other`",
        ),
        (
            HEAD.replace("- close: {stream: s}", "- close: {stream: t}"),
            "there is no open stream `t`",
        ),
        (
            HEAD.replace("{reply: {body: 'got ${body.sum}'}}", "{}"),
            "--upstream sums=URL is missing",
        ),
        (HEAD.replace("${body.sum}", "${now}"), "${now}"),
        (HEAD.replace("bytes: 10}", "bytes: 99999999999}"), "larger than"),
    ] {
        let (code, text) = cli.run(&scenario);
        assert_eq!(code, 2, "{text}");
        assert!(text.contains(why), "{why} is not in\n{text}");
    }
    let (code, text) = Cli::new(&["--upstream", "sum=http://127.0.0.1:1"]).run(HEAD);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("the scenario has no cluster `sum`"), "{text}");
    // What led to an error is shown with it.
    let (_, text) = cli.run(&HEAD.replace("- close: {stream: s}", "- close: {stream: t}"));
    assert!(text.contains("stream 1: connection opened"), "{text}");
}

#[test]
fn the_report_is_json_if_asked_for() {
    let expect = "  - expect: {metric: {name: bytes, value: 1}}\n";
    let (code, text) = Cli::new(&["--json"]).run(&format!("{HEAD}{expect}"));
    assert_eq!(code, 1);
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["failures"][0]["at"], "steps[1]");
    assert_eq!(report["timeline"][0]["kind"]["event"], "log");
    assert_eq!(report["timeline"][0]["thread"], "canary");
}
