//! The language of scenarios: parameters, cases, loops, requests in pieces, and what is said of a
//! file that is wrong.

use crate::cli::{Cli, HEAD, fails_with, holds, refused_with};

const SMALL: &str = "
name: small
plugin: plugin.wat
start: 2026-03-01T10:00:00Z
callouts: {sums: {reply: {body: ok}}}
";

#[test]
fn parameters_fill_text_numbers_and_keys() {
    let scenario = format!(
        "{SMALL}
parameters: {{size: 10, times: 2, name: a, listed: [1, 2]}}
configuration: {{'key-${{name}}': '${{listed}}', text: 'so ${{size}} it is', plain: '$${{x}}'}}
steps:
  - repeat:
      times: ${{times}}
      steps:
        - open: {{stream: '${{name}}'}}
        - downstream: {{stream: a, bytes: '${{size}}'}}
        - close: {{stream: a}}
  - expect: {{metric: {{name: bytes, value: '${{expected}}'}}}}
"
    )
    .replace("listed: [1, 2]", "listed: [1, 2], expected: 20");
    let text = holds(&scenario);
    let configuration = r#"{"key-a":[1,2],"plain":"${x}","text":"so 10 it is"}"#;
    assert!(text.contains(configuration), "{text}");

    let cli = Cli::new(&["--set", "size=7", "--set", "times=3", "--set", "expected=21"]);
    let (code, text) = cli.run(&scenario);
    assert_eq!(code, 0, "{text}");
    let (code, text) = Cli::new(&["--set", "size=7"]).run(&scenario);
    assert_eq!(code, 1, "{text}");
}

#[test]
fn parameters_that_are_not_there_are_named() {
    let steps = "parameters: {size: 10}\nsteps: [{open: {stream: s}}, {downstream: {stream: s, bytes: '${sise}'}}]\n";
    let text =
        refused_with(&format!("{SMALL}{steps}"), "there is no parameter `sise`, only seed, size");
    assert!(text.contains("scenario.yaml:7:"), "{text}");
    assert!(text.contains("steps[1].downstream.bytes"), "{text}");
    let (code, text) = Cli::new(&["--set", "sise=1"]).run(&format!("{SMALL}{steps}"));
    assert_eq!(code, 2);
    assert!(text.contains("no parameter `sise` that could be set; it has size"), "{text}");
    refused_with(
        &format!("{SMALL}parameters: {{a: [1]}}\nsteps: [{{note: 'x ${{a}}'}}]\n"),
        "`${a}` is a list",
    );
    refused_with(&format!("{SMALL}steps: [{{note: 'x ${{a'}}]\n"), "a plain `${` is `$${`");
    refused_with(&format!("{SMALL}parameters: {{seed: 1}}\nsteps: []\n"), "take another name");
    refused_with(&format!("{SMALL}parameters: {{a.b: 1}}\nsteps: []\n"), "letters, digits");
}

#[test]
fn a_scenario_runs_once_for_each_case() {
    let scenario = format!(
        "{SMALL}
parameters: {{size: 5, expected: 5}}
cases:
  - {{name: usual}}
  - {{name: large, size: 500, expected: 500}}
  - {{size: 1, expected: 2}}
steps:
  - note: 'this is case ${{case}}'
  - open: {{stream: s}}
  - downstream: {{stream: s, bytes: '${{size}}'}}
  - expect: {{metric: {{name: bytes, value: '${{expected}}'}}}}
"
    );
    let (code, text) = Cli::new(&[]).run(&scenario);
    assert_eq!(code, 1, "{text}");
    for line in [
        "this is case usual",
        "small [usual]: passed, 1 expectations held",
        "small [large]: passed, 1 expectations held",
        "small [3]: FAILED, 1 expectations did not hold",
        "scenario.yaml:16: steps[3]: expected bytes to be exactly 2, it is 1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let (code, text) = Cli::new(&["--case", "large"]).run(&scenario);
    assert_eq!((code, text.contains("[usual]")), (0, false), "{text}");
    let (code, text) = Cli::new(&["--case", "larg"]).run(&scenario);
    assert_eq!(code, 2);
    assert!(text.contains("there are: usual, large, 3"), "{text}");
    let (_, text) = Cli::new(&["--json"]).run(&scenario);
    let reports: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(reports[2]["failures"][0]["line"], 16);
    refused_with(&format!("{SMALL}cases: []\nsteps: []\n"), "there is no case");
    refused_with(&format!("{SMALL}cases: [5]\nsteps: []\n"), "cases[0]: a mapping");
    refused_with(
        &format!("{SMALL}cases: [{{name: a}}, {{x: 1}}, {{name: a}}]\nsteps: []\n"),
        "cases[2]: another case is called `a`, too",
    );
    refused_with(
        &format!("{SMALL}cases: [{{a: 1}}, {{b: 1}}]\nsteps: [{{note: '${{a}}'}}]\n"),
        "(case 2)",
    );
}

#[test]
fn rounds_can_differ() {
    let scenario = format!(
        "{SMALL}workers: 3
steps:
  - repeat:
      times: 3
      index: i
      steps:
        - open: {{stream: 's${{i}}', worker: '${{i}}'}}
        - repeat:
            each: [{{size: 1}}, {{size: 20}}]
            steps: [{{downstream: {{stream: 's${{i}}', bytes: '${{size}}'}}}}]
  - expect: {{metric: {{name: bytes, value: 63}}}}
  - close: {{stream: s2}}
  - expect: {{log: {{contains: bytes 21, worker: 2, count: 1}}}}
"
    );
    holds(&scenario);
    fails_with(&scenario.replace("value: 63", "value: 64"), "steps[1]: expected bytes");
    let text =
        refused_with(&scenario.replace("bytes: '${size}'", "bytes: 99999999999"), "larger than");
    assert!(
        text.contains("scenario.yaml:15: steps[0].repeat(1 of 3)[1].repeat(1 of 2)[0]"),
        "{text}"
    );
    for (steps, why) in [
        ("{steps: []}", "either `times`, a number, or `each`"),
        ("{times: 1, each: [], steps: []}", "either `times`"),
        ("{each: {}, steps: []}", "a list of mappings"),
        ("{times: 2}", "there is no field `steps`"),
        ("{times: x, index: i, steps: []}", "a number is wanted; here is x"),
        ("{times: 2, index: 'a b', steps: []}", "letters, digits"),
        ("{time: 2, steps: []}", "unknown field `time`, expected one of times, each, index, steps"),
        ("{times: 2, rounds: [], steps: []}", "unknown field `rounds`"),
        ("{times: 100001, index: i, steps: []}", "0 to 100000 rounds"),
        ("{times: 50001, index: i, steps: [{note: a}, {note: b}]}", "more than 100000 steps"),
    ] {
        let text = refused_with(&format!("{SMALL}steps: [{{repeat: {steps}}}]\n"), why);
        assert!(text.contains("scenario.yaml:6:") && text.contains("steps[0].repeat"), "{text}");
    }
    // The edge: a hundred thousand steps, with the repetition itself.
    holds(&format!(
        "{SMALL}steps: [{{repeat: {{times: 99999, index: i, steps: [{{advance: 1ns}}]}}}}]\n"
    ));
}

#[test]
fn a_request_can_stay_open_between_steps() {
    let scenario = format!(
        "{SMALL}
steps:
  - request: {{stream: r, headers: {{':path': /a, x-app: frontend}}}}
  - downstream: {{stream: r, text: hello}}
  - advance: 5s
  - downstream: {{stream: r, bytes: 100, end: true}}
  - response: {{stream: r, headers: {{':status': 201}}}}
  - upstream: {{stream: r, text: done, end: true}}
  - expect: {{log: {{text: request ends 0, count: 1}}}}
  - expect: {{log: {{text: second 36000, count: 1}}}}
  - expect: {{log: {{text: second 36005, count: 1}}}}
  - expect: {{callouts: {{count: 0}}}}
  - close: {{stream: r}}
  - expect: {{callouts: {{count: 1}}}}
"
    );
    holds(&scenario);
    refused_with(
        &scenario.replace("response: {stream: r", "response: {stream: q"),
        "no open stream `q`",
    );
    refused_with(
        &format!("{scenario}  - open: {{stream: s}}\n  - response: {{stream: s}}\n"),
        "is a connection",
    );
    refused_with(
        &format!("{scenario}  - open: {{stream: s}}\n  - request: {{stream: s}}\n"),
        "stream `s` is open already",
    );
}

#[test]
fn chunks_of_a_body_come_when_they_are_said_to() {
    holds(&format!(
        "{SMALL}
steps:
  - http:
      request: {{body: [10, hello, {{text: later, after: 3s}}, {{bytes: 7, after: 1s}}]}}
      response: {{body: [1]}}
      takes: 2s
  - expect: {{log: {{text: request body 10, count: 1}}}}
  - expect: {{log: {{text: request body 5, count: 2}}}}
  - expect: {{log: {{text: second 36003, count: 1}}}}
  - expect: {{log: {{text: second 36004, count: 1}}}}
"
    ));
    refused_with(
        &format!("{SMALL}steps: [{{http: {{request: {{body: [-1]}}}}}}]\n"),
        "steps[0].http.request.body[0]: invalid type: integer `-1`, expected a number of bytes",
    );
}

#[test]
fn what_is_wrong_is_said_with_its_line_its_path_and_what_would_be_right() {
    for (text, place, why) in [
        (
            "steps:\n  - jump: 5s\n",
            "7:5: steps[0]",
            "unknown variant `jump`, expected one of `advance`",
        ),
        (
            "steps:\n  - advance: 5\n",
            "7:14: steps[0].advance",
            "`5` is not a duration such as 250ms",
        ),
        ("steps:\n  - open: {stream: a}\n    wait: 3s\n", "7:5: steps[0]", "here is open, wait"),
        ("steps: {}\n", "6:8: steps", "invalid type: map, expected a sequence"),
        ("workers: many\nsteps: []\n", "6:10: workers", "expected usize"),
        (
            "steps:\n  - close:\n      stream: a\n      reson: b\n",
            "9:7: steps[0].close",
            "unknown field `reson`, expected `stream` or `by`",
        ),
        ("steps:\n  - close: {}\n", "7:12: steps[0].close", "missing field `stream`"),
        (
            "steps:\n  - expect: {metric: {name: a, value: {atleast: 1}}}\n",
            "7:40: steps[0].expect.metric.value",
            "unknown field `atleast`",
        ),
        ("steps:\n  - note: 1.5\n", "7:11: steps[0].note", "put it in quotes"),
        ("steps:\n  - drain: 5\n", "7:5: steps[0]", "`drain` stands alone, without a colon"),
        (
            "node: {metadata: {a: [1, null]}}\nsteps: []\n",
            "node.metadata",
            "property `a` is a list",
        ),
        (
            "callouts: {sums: {loss: 2}}\nsteps: []\n",
            "callouts.sums.loss",
            "a chance is 0 (never) to 1",
        ),
    ] {
        let head = if text.starts_with("callouts") {
            SMALL.replace("callouts: {sums: {reply: {body: ok}}}", "about: x")
        } else {
            SMALL.to_owned()
        };
        let printed = refused_with(&format!("{head}{text}"), why);
        assert!(
            printed.contains(&format!("scenario.yaml:{place}"))
                || printed.contains(&format!(": {place}")),
            "{place} is not in\n{printed}"
        );
    }
    refused_with("a: b: c", "scenario.yaml:");
    refused_with("[]", "scenario.yaml:1:1: invalid type: sequence, expected a mapping with name");
    // Twice the same key is a slip, too.
    let text = refused_with(&HEAD.replace("start:", "name: again\nstart:"), "duplicate key `name`");
    assert!(!text.contains("DuplicateKeyPolicy"), "{text}");
}

#[test]
fn texts_that_double_for_ever_are_refused() {
    let mut parameters = String::from("{name: a, n0: xxxxxxxxxx");
    for n in 1..20 {
        parameters += &format!(", n{n}: '{}'", format!("${{n{}}}", n - 1).repeat(10));
    }
    refused_with(
        &format!("{SMALL}cases: [{parameters}}}]\nsteps: []\n"),
        "more than 67108864 bytes",
    );
}

#[test]
fn a_parameter_that_cannot_be_set_is_told_behind_the_file() {
    let cli = Cli::new(&["--set", "q=1"]);
    let (code, text) = cli.run(HEAD);
    assert_eq!(
        (code, text.contains("scenario.yaml: the scenario has no parameter `q`")),
        (2, true),
        "{text}"
    );
}
