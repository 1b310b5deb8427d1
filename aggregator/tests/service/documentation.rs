//! The examples of docs/api.md: each command is run by a shell, against a real service, and what the
//! page says that it answers must be so.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::fas::{Fas, agent, answer, directory};

const PAGE: &str = include_str!("../../../docs/api.md");

/// The hour that the page speaks of. The service knows what is recent, so it becomes one of late.
const HOUR: u64 = 498_752;

/// Fields whose values the page cannot know, only their kind.
const ANY_VALUE: [&str; 5] =
    ["clock_offset_ms", "last_seen", "watermark_ms", "next_cursor", "detail"];

/// A command, and what the page says that it answers; nothing if it does not say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Example {
    command: String,
    answer: String,
}

/// The examples of a page: in the code, a line that begins with `curl`, the lines after it that are
/// further in, and, until other text comes, the answer.
fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let (mut is_open, mut in_command) = (false, false);
    for line in page.lines().filter(|line| !line.is_empty()) {
        let Some(code) = line.strip_prefix("    ") else {
            is_open = false;
            continue;
        };
        if code.starts_with("curl ") {
            examples.push(Example { command: code.to_owned(), ..Example::default() });
            (is_open, in_command) = (true, true);
        } else if is_open {
            let example = examples.last_mut().unwrap();
            in_command &= code.starts_with(' ');
            let part = if in_command { &mut example.command } else { &mut example.answer };
            part.push('\n');
            part.push_str(code);
        }
    }
    examples
}

/// The hours and times of the page as they would be if its hour were another.
fn moved_to(text: &str, hour: u64) -> String {
    let time = |hour: u64| {
        let start = jiff::Timestamp::from_second(i64::try_from(hour * 3_600).unwrap()).unwrap();
        start.to_string()
    };
    (0..3).fold(text.to_owned(), |text, n| {
        let number = text.replace(&(HOUR + n).to_string(), &(hour + n).to_string());
        number.replace(&time(HOUR + n), &time(hour + n))
    })
}

/// What filters have delivered before the page begins: the destination's, which saw less than the
/// source and has come half through the hour after, and one that has ended.
fn set_the_scene(fas: &Fas, hour: u64) {
    let id = |app: &str| format!("{app}/18da4b2c6f1e2a40.18da4b2c9d3b1100.3");
    let half_past_ms = (hour + 1) * 3_600_000 + 1_800_000;
    let flow = json!(["frontend", "backend", "vpc-1", 50_000, 281_900]);
    let backend = json!({
        "version": 1, "instance": id("backend"), "sequence": 3, "reporter": "destination",
        "watermark_ms": half_past_ms, "lost_bytes": 0, "folded_bytes": 0,
        "hours": [{"hour": hour, "flows": [flow]}]});
    let frontend = json!({
        "version": 1, "instance": id("frontend"), "sequence": 9, "reporter": "source",
        "watermark_ms": half_past_ms, "lost_bytes": 0, "folded_bytes": 0, "ended": true,
        "hours": []});
    let now_ms = jiff::Timestamp::now().as_millisecond();
    for batch in [backend, frontend] {
        let request = agent().post(fas.url("/v1/batches")).content_type("application/json");
        let request = request.header("sender-clock-ms", now_ms.to_string());
        assert_eq!(answer(request.send(batch.to_string()).unwrap()).status, 200);
    }
}

/// A shell that is about to run a command of the page.
fn shell(fas: &Fas, command: &str) -> Command {
    let mut shell = Command::new("sh");
    let curl = "curl() { command curl --silent --show-error --max-time 60 \"$@\"; }";
    shell.arg("-c").arg(format!("{curl}; U={}; {command}", fas.url("")));
    shell.env("NO_PROXY", "*").stdin(Stdio::null()).stdout(Stdio::piped());
    shell
}

/// Asserts that an answer is what the page says; `...` in a text stands for anything.
fn assert_same(expected: &Value, found: &Value, place: &str) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            let names = |object: &serde_json::Map<String, Value>| {
                let mut names: Vec<String> = object.keys().cloned().collect();
                names.sort();
                names
            };
            assert_eq!(names(expected), names(found), "the fields at {place}");
            for (name, expected) in expected {
                let (found, place) = (&found[name], format!("{place}.{name}"));
                match ANY_VALUE.contains(&name.as_str()) && !expected.is_null() {
                    true => assert_eq!(kind(expected), kind(found), "{place}: {found}"),
                    false => assert_same(expected, found, &place),
                }
            }
        }
        (Value::Array(expected), Value::Array(found)) => {
            assert_eq!(expected.len(), found.len(), "the length of {place}");
            for (n, (expected, found)) in expected.iter().zip(found).enumerate() {
                assert_same(expected, found, &format!("{place}[{n}]"));
            }
        }
        _ => assert_eq!(expected, found, "at {place}"),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Number(_) => "number",
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn run(fas: &Fas, example: &Example) {
    let output = shell(fas, &example.command).output().unwrap();
    assert!(output.status.success(), "{}: {output:?}", example.command);
    let found = String::from_utf8(output.stdout).unwrap();
    match serde_json::from_str(&example.answer) {
        Ok(expected) => {
            let found = serde_json::from_str(&found)
                .unwrap_or_else(|error| panic!("{}: {error}: {found}", example.command));
            assert_same(&expected, &found, &example.command);
        }
        Err(error) => {
            assert!(!example.answer.trim().starts_with(['{', '[']), "{error}: {example:?}");
            // CSV ends its lines as RFC 4180 says.
            let found = found.replace("\r\n", "\n");
            assert_eq!(example.answer.trim(), found.trim(), "{}", example.command);
        }
    }
}

/// Follows a stream until it has given as many lines as the page has, while flows are written.
fn follow(fas: &Fas, example: &Example) {
    let mut child = shell(fas, &format!("exec {}", example.command.replacen("curl", "curl -s", 1)))
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut found = lines.filter(|line| !line.is_empty() && !line.starts_with(':'));
    let mut expected = example.answer.lines().filter(|line| !line.is_empty());
    // The first event comes when the stream has begun, and not before.
    for (n, expected) in expected.by_ref().enumerate() {
        if n == 3 {
            let flow = json!([{"src_app": "web-7", "dest_app": "backend", "vpc_id": "vpc-2",
                "bytes_tx": 10, "bytes_rx": 14, "hour": hour_in(expected_data(example))}]);
            assert_eq!(fas.post("/flows", flow.to_string()).status, 200);
        }
        let found = found.next().unwrap();
        match (expected.split_once(' '), found.split_once(' ')) {
            (Some(("id:", _)), Some(("id:", _))) => {}
            (Some(("data:", expected)), Some(("data:", found))) => {
                let [expected, found] =
                    [expected, found].map(|text| serde_json::from_str::<Value>(text).unwrap());
                assert_same(&expected, &found, &example.command);
            }
            _ => assert_eq!(expected, found),
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The data of the last event that the page shows.
fn expected_data(example: &Example) -> Value {
    let data = example.answer.lines().rev().find_map(|line| line.strip_prefix("data: "));
    serde_json::from_str(data.unwrap()).unwrap()
}

fn hour_in(data: Value) -> u64 {
    data["flows"][0]["hour"].as_u64().unwrap()
}

#[test]
fn what_the_page_says_of_the_interface_is_so() {
    let data = directory();
    let fas = Fas::start(data.path());
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap() / 3_600;
    // The hour after it has to have ended, too, and not a moment ago.
    let hour = now - 3;
    set_the_scene(&fas, hour);
    let examples = examples(&moved_to(PAGE, hour));
    assert!(examples.len() > 10, "{examples:?}");
    let answered = examples.iter().filter(|example| !example.answer.is_empty()).count();
    assert_eq!(answered, examples.len(), "an example without its answer");
    for example in &examples {
        println!("{}", example.command);
        match example.command.starts_with("curl -N") {
            true => follow(&fas, example),
            false => run(&fas, example),
        }
    }
}

#[test]
fn examples_are_found_in_a_page() {
    let page = "Text\n\n    U=x\n\n    curl a -d '[\n      1]'\n\n    {\"b\":\n     2}\n\nText\n\n    {}\n    curl c\n";
    let found = examples(page);
    let expected = [("curl a -d '[\n  1]'", "\n{\"b\":\n 2}"), ("curl c", "")];
    let expected = expected.map(|(command, answer)| Example {
        command: command.to_owned(),
        answer: answer.to_owned(),
    });
    assert_eq!(found, expected);
}
