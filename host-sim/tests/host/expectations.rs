//! What a scenario can expect: how texts, headers, bodies, properties and golden files are
//! compared, and what is said when they differ.

use crate::cli::{Cli, fails_with, holds, refused_with};

const HEAD: &str = "
name: expects
plugin: plugin.wat
start: 2026-03-01T10:00:00Z
callouts: {sums: {reply: {body: ok}}}
steps:
  - http:
      stream: r
      request: {headers: {x-app: frontend, x-id: '17'}, body: [hello, ' you']}
      response: {headers: {':status': 201}, body: [3]}
  - open: {stream: s, properties: {xds: {cluster_name: backend}, n: 5, flag: true, 'a.b': dotted}}
  - downstream: {stream: s, text: ping}
";

#[test]
fn texts_are_matched_exactly_in_part_by_pattern_or_not() {
    for (expect, holds_, problem) in [
        ("log: {text: bytes 0, count: 1}", true, ""),
        (
            "log: {text: bytes, count: 1}",
            false,
            "expected exactly 1 log lines that are \"bytes\", found 0",
        ),
        ("log: {text: {contains: ytes}}", true, ""),
        ("log: {text: {regex: '^bytes \\d$'}, count: 1}", true, ""),
        ("log: {text: {regex: '^ytes'}}", false, "a text that matches /^ytes/, found 0"),
        ("log: {contains: bytes, text: {not: {regex: '^bytes'}}, count: 0}", true, ""),
        (
            "log: {contains: bytes, text: {not: {regex: '^by'}}}",
            false,
            "log lines with \"bytes\" that are not a text",
        ),
        ("callouts: {body: '{\"sum\":5}', count: 1}", true, ""),
        ("callouts: {body: '{}'}", false, "found 0"),
        (
            "callouts: {headers: {':path': /push, content-type: {contains: text}, x-none: null}, count: 1}",
            true,
            "",
        ),
        ("callouts: {headers: {':path': {not: /push}}}", false, "found 0"),
        ("callouts: {headers: {':path': null}}", false, "found 0"),
    ] {
        let scenario = format!("{HEAD}  - expect: {{{expect}}}\n");
        match holds_ {
            true => drop(holds(&scenario)),
            false => drop(fails_with(&scenario, problem)),
        }
    }
    refused_with(
        &format!("{HEAD}  - expect: {{log: {{text: {{regex: '('}}}}}}\n"),
        "unclosed group",
    );
}

#[test]
fn messages_are_seen_as_they_left() {
    for (expect, problem) in [
        ("request: {stream: r, headers: {x-guest: was here, x-app: frontend, x-none: null}}", ""),
        ("request: {stream: r, body: hello you, body_bytes: 9}", ""),
        ("request: {stream: r, body: {regex: 'o y'}}", ""),
        (
            "response: {stream: r, headers: {':status': 201, server: guest}, body_bytes: {at_least: 3}}",
            "",
        ),
        ("request: {stream: s, body: ping, body_bytes: 4}", ""),
        (
            "request: {stream: r, headers: {x-guest: null}}",
            "expected no header x-guest, found \"was here\"",
        ),
        (
            "request: {stream: r, headers: {x-none: a}}",
            "expected header x-none to be \"a\", and there is none",
        ),
        (
            "request: {stream: r, headers: {x-app: {not: frontend}}}",
            "to be not \"frontend\", found \"frontend\"",
        ),
        ("request: {stream: r, body: hello}", "expected \"hello\" as body, found \"hello you\""),
        ("response: {stream: r, body_bytes: 4}", "expected exactly 4 bytes of body, found 3"),
        ("response: {stream: s, headers: {a: b}}", "stream `s`: no headers have come out"),
    ] {
        let scenario = format!("{HEAD}  - expect: {{{expect}}}\n");
        match problem {
            "" => drop(holds(&scenario)),
            problem => drop(fails_with(&scenario, problem)),
        }
    }
    refused_with(
        &format!("{HEAD}  - expect: {{request: {{stream: q}}}}\n"),
        "no stream `q`, neither open nor ended",
    );
    // Without the plugin, what came in comes out.
    let by = "failure_policy: fail_open\nsteps:\n  - trap: {worker: 0}\n  - request: {stream: t, headers: {a: b}}\n  - expect: {failures: 1}\n";
    let head = HEAD.split("steps:").next().unwrap();
    holds(&format!(
        "{head}{by}  - expect: {{request: {{stream: t, headers: {{a: b, x-guest: null}}}}}}\n"
    ));
}

#[test]
fn trailers_ends_and_answers_of_the_plugin_are_seen() {
    let steps = "
  - http:
      stream: t
      request: {body: [5], trailers: {x-sum: '5'}}
      response: {trailers: {grpc-status: '0'}}
  - request: {stream: u}
  - downstream: {stream: u, bytes: 5}
  - expect: {request: {stream: u, complete: false}}
  - request_trailers: {stream: u, trailers: {x-sum: '6'}}
  - response: {stream: u}
  - response_trailers: {stream: u, trailers: {grpc-status: '13'}}
  - http: {stream: v, request: {body: [403]}}
";
    for (expect, problem) in [
        (
            "request: {stream: t, trailers: {x-sum: 5, x-none: null}, complete: true, reset: false}",
            "",
        ),
        ("response: {stream: t, trailers: {grpc-status: 0}, body_bytes: 0}", ""),
        ("request: {stream: u, trailers: {x-sum: 6}, complete: true}", ""),
        ("response: {stream: u, trailers: {grpc-status: {regex: '^1'}}}", ""),
        ("response: {stream: v, headers: {':status': 403}, body: not this, complete: true}", ""),
        ("request: {stream: v, complete: false}", ""),
        ("request: {stream: r, trailers: {x-sum: 5}}", "no trailers have come out"),
        (
            "request: {stream: t, trailers: {x-sum: 6}}",
            "expected trailer x-sum to be \"6\", found \"5\"",
        ),
        ("request: {stream: t, trailers: {x-sum: null}}", "expected no trailer x-sum, found"),
        ("request: {stream: t, complete: false}", "expected complete: false, found true"),
        ("request: {stream: t, reset: true}", "expected reset: true, found false"),
    ] {
        let scenario =
            format!("{HEAD}{}  - expect: {{{expect}}}\n", steps.trim_start_matches('\n'));
        match problem {
            "" => drop(holds(&scenario)),
            problem => drop(fails_with(&scenario, problem)),
        }
    }
    let tcp = "  - request_trailers: {stream: s, trailers: {a: b}}\n";
    refused_with(&format!("{HEAD}{tcp}"), "stream `s` is a connection");
}

#[test]
fn properties_are_read_as_the_plugin_reads_them() {
    for (expect, problem) in [
        ("stream: s, name: xds.cluster_name, text: backend", ""),
        ("stream: s, name: n, integer: 5", ""),
        ("stream: s, name: flag, bool: true", ""),
        ("stream: s, path: [a.b], text: {regex: ^dot}", ""),
        ("stream: s, name: a.b, present: false", ""),
        ("stream: s, name: n, integer: 6", "property n: expected 6, found 5"),
        ("stream: s, name: flag, bool: false", "property flag: expected false"),
        ("stream: s, name: n, present: false", "expected none, found"),
        ("stream: s, name: gone", "expected one, and there is none"),
        ("stream: s, name: xds.cluster_name, text: back", "expected \"back\", found \"backend\""),
    ] {
        let scenario = format!("{HEAD}  - expect: {{property: {{{expect}}}}}\n");
        match problem {
            "" => drop(holds(&scenario)),
            problem => drop(fails_with(&scenario, problem)),
        }
    }
    // What the plugin has set itself.
    let own =
        "  - request: {stream: q}\n  - expect: {property: {stream: q, name: seen, text: yes}}\n";
    holds(&format!("{HEAD}{}", own.replace("text: yes", "text: 'yes'")));
}

#[test]
fn golden_files_are_written_compared_and_shown_where_they_differ() {
    let expect = "
  - expect: {golden: {file: golden/logs.txt, of: logs}}
  - expect: {golden: {file: golden/callouts.txt, of: callouts}}
  - expect: {golden: {file: golden/metrics.txt, of: metrics}}
  - expect: {golden: {file: golden/all.txt}}
";
    let cli = Cli::new(&[]);
    let scenario = format!("{HEAD}{expect}");
    let (code, text) = cli.run(&scenario);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("golden/logs.txt") && text.contains("`--update` writes it"), "{text}");

    let (code, text) = cli.call(&["run", "scenario.yaml", "--update"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("written: golden/logs.txt"), "{text}");
    assert!(cli.read("golden/logs.txt").contains("worker 0   log info: bytes 0\n"));
    assert_eq!(cli.read("golden/metrics.txt"), "bytes 4\n");
    let callouts = cli.read("golden/callouts.txt");
    assert!(
        callouts.contains(":path: /push\n") && callouts.contains("{\"sum\":5}\n"),
        "{callouts}"
    );
    assert!(cli.read("golden/all.txt").contains("stream 1: request began\n"));
    let (code, text) = cli.run(&scenario);
    assert_eq!(code, 0, "{text}");

    let (code, text) = cli.run(&scenario.replace("text: ping", "text: pong!"));
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("    -bytes 4\n    +bytes 5\n"), "{text}");
    assert!(!text.contains("callouts.txt differs"), "{text}");
}
