//! Faults of a scenario: by chance, for a while, of the clock, of the plugin, of the configuration.

use crate::cli::{Cli, fails_with, holds, refused_with};

const HEAD: &str = "
name: faults
plugin: plugin.wat
start: 2026-03-01T10:00:00Z
workers: 2
";

const PUSHES: &str = "
steps:
  - repeat: {times: 200, steps: [{open: {stream: s}}, {close: {stream: s}}, {advance: 2s}]}
";

fn summary(text: &str, what: &str) -> usize {
    text.lines().filter(|line| line.contains(what)).count()
}

#[test]
fn chance_goes_by_the_seed() {
    let scenario = format!(
        "{HEAD}configuration: x
seed: 5
callouts: {{sums: {{reply: {{}}, loss: 0.2, duplication: 0.1, reset: 0.1}}}}
{PUSHES}
  - expect: {{callouts: {{status: 200, count: {{at_least: 110, at_most: 170}}}}}}
  - expect: {{callouts: {{fault: timeout, status: 504, deliveries: 0, count: {{at_least: 5}}}}}}
  - expect: {{callouts: {{fault: timeout_but_delivered, status: 504, deliveries: 1, count: {{at_least: 5}}}}}}
  - expect: {{callouts: {{fault: duplicate, deliveries: 2, count: {{at_least: 5}}}}}}
  - expect: {{callouts: {{outcome: reset, count: {{at_least: 5}}}}}}
"
    );
    let first = holds(&scenario);
    assert_eq!(first, holds(&scenario), "a run replays exactly");
    let (code, other) = Cli::new(&["--seed", "6"]).run(&scenario);
    assert_eq!(code, 0, "{other}");
    assert_ne!(first, other);
    let (_, same) = Cli::new(&["--seed", "5"]).run(&scenario.replace("seed: 5", "seed: 6"));
    assert_eq!(first, same, "--seed comes first");
}

#[test]
fn latency_can_be_a_range() {
    let scenario = format!(
        "{HEAD}callouts: {{sums: {{reply: {{}}, latency: {{from: 100ms, to: 900ms}}}}}}
{PUSHES}
  - expect: {{callouts: {{status: 200, count: 200}}}}
"
    );
    let text = holds(&scenario);
    assert!(summary(&text, ".100000Z  worker 0   call") < 5, "{text}");
    refused_with(&scenario.replace("900ms", "90ms"), "`from` is longer than `to`");
    // The guest waits for a second.
    let late = scenario.replace("{from: 100ms, to: 900ms}", "1001ms");
    fails_with(&late, "found 0");
    holds(&late.replace("status: 200", "status: 504"));
}

#[test]
fn the_network_can_change_and_be_cut() {
    holds(&format!(
        "{HEAD}callouts: {{sums: {{reply: {{}}}}}}
steps:
  - partition: {{cluster: sums, for: 5s}}
  - open: {{stream: s}}
  - close: {{stream: s}}
  - advance: 5s
  - expect: {{callouts: {{status: 504, deliveries: 0, count: 1}}}}
  - network: {{cluster: sums, reset: 1}}
  - open: {{stream: s}}
  - close: {{stream: s}}
  - advance: 1s
  - expect: {{callouts: {{outcome: reset, count: 1}}}}
  - network: {{cluster: sums, reset: 0, latency: 300ms}}
  - open: {{stream: s}}
  - close: {{stream: s}}
  - advance: 299ms
  - expect: {{callouts: {{outcome: pending, count: 1}}}}
  - advance: 1ms
  - expect: {{callouts: {{status: 200, count: 1}}}}
"
    ));
    for step in
        ["partition: {cluster: x, for: 5s}", "network: {cluster: x}", "away: {cluster: x, for: 1s}"]
    {
        refused_with(&format!("{HEAD}steps: [{{{step}}}]\n"), "there is no cluster `x`");
    }
}

#[test]
fn the_wall_clock_can_be_off_while_timers_are_not() {
    let scenario = format!(
        "{HEAD}callouts: {{sums: {{reply: {{}}}}}}
steps:
  - request: {{stream: r}}
  - clock: {{ahead: 1h}}
  - downstream: {{stream: r, bytes: 1}}
  - expect: {{log: {{text: second 39600}}}}
  - clock: {{behind: 10s}}
  - advance: 3s
  - downstream: {{stream: r, bytes: 1}}
  - expect: {{log: {{text: second 35993}}}}
  - clock: {{ahead: 0s}}
  - downstream: {{stream: r, bytes: 1}}
  - expect: {{log: {{text: second 36003}}}}
"
    );
    let text = holds(&scenario);
    assert!(text.contains("the wall clock is 3600 s ahead"), "{text}");
}

#[test]
fn a_plugin_fails_where_it_is_told_to() {
    let scenario = format!(
        "{HEAD}failure_policy: fail_open
callouts: {{sums: {{reply: {{}}}}}}
steps:
  - trap: {{worker: 1}}
  - open: {{stream: on-0, worker: 0}}
  - open: {{stream: on-1, worker: 1}}
  - expect: {{failures: 1}}
  - trap: main
  - trap: main
  - expect: {{failures: 2}}
  - close: {{stream: on-0}}
  - close: {{stream: on-1}}
  - expect: {{callouts: {{worker: 0, count: 1}}}}
  - expect: {{callouts: {{worker: 1, count: 0}}}}
"
    );
    let text = holds(&scenario);
    assert!(text.contains("FAILED in no callback: a fault of the test"), "{text}");
    assert!(text.contains("passes by, as the plugin has failed"), "{text}");
    refused_with(
        &scenario.replace("worker: 1}\n  - open", "worker: 2}\n  - open"),
        "there is no worker 2",
    );
}

#[test]
fn a_new_configuration_takes_the_new_streams() {
    let scenario = format!(
        "{HEAD}configuration: {{mode: a}}
callouts: {{sums: {{reply: {{}}}}}}
steps:
  - open: {{stream: old}}
  - reload: {{configuration: {{mode: b}}, drain_time: 10s}}
  - expect: {{log: {{contains: '\"mode\":\"b\"', count: 4}}}}
  - open: {{stream: new}}
  - downstream: {{stream: old, bytes: 1}}
  - downstream: {{stream: new, bytes: 20}}
  - advance: 1h
  - note: the drain time is over, but the old stream is not
  - close: {{stream: old}}
  - close: {{stream: new}}
  # Each VM has counted its own.
  - expect: {{log: {{text: bytes 1, count: 1}}}}
  - expect: {{log: {{text: bytes 20, count: 1}}}}
"
    );
    let text = holds(&scenario);
    // Main and worker 1 end with the drain time, worker 0 with its stream.
    let ended: Vec<&str> =
        text.lines().filter(|line| line.contains("root context is done")).collect();
    assert_eq!(ended.len(), 3, "{text}");
    assert!(ended[0].starts_with("2026-03-01T10:00:10.000000Z  main"), "{text}");
    assert!(ended[2].starts_with("2026-03-01T11:00:00.000000Z  worker 0"), "{text}");
}

#[test]
fn an_access_logger_shows_entries_to_the_root_of_its_plugin() {
    let scenario = format!(
        "{HEAD}configuration: first
other_plugins: [{{configuration: {{second: true}}}}]
callouts: {{sums: {{reply: {{}}}}}}
streams: {{usual: {{xds: {{cluster_name: backend}}}}}}
steps:
  - access_log: {{with: usual, worker: 1}}
  - access_log: {{plugin: 1, properties: {{xds: {{cluster_name: other}}}}, request_headers: {{a: b}}, response_headers: {{}}}}
  - expect: {{log: {{text: backend, worker: 1, count: 1}}}}
  - expect: {{log: {{text: other, worker: 0, count: 1}}}}
  - expect: {{log: {{text: '{{\"second\":true}}', worker: 0, count: 1}}}}
  - open: {{stream: s, plugin: 1}}
"
    );
    holds(&scenario);
    refused_with(&scenario.replace("plugin: 1}\n", "plugin: 2}\n"), "there is no plugin 2");
}

#[test]
fn grpc_is_answered_by_a_cluster_too() {
    let scenario = format!(
        "{HEAD}callouts:
  svc: {{latency: 10ms, script: [none], grpc: {{initial_metadata: {{a: b}}, messages: [told, more], trailing_metadata: {{z: last}}, status: 7, message: no}}}}
steps:
  - open: {{stream: s}}
  - downstream: {{stream: s, text: c}}
  - expect: {{log: {{text: ' status 7', count: 0}}}}
  - advance: 10ms
  - expect: {{log: {{text: ' status 7', count: 1}}}}
  # A call that fails has no message, a stream has.
  - expect: {{log: {{text: told, count: 0}}}}
  - downstream: {{stream: s, text: s}}
  - downstream: {{stream: s, text: m}}
  - downstream: {{stream: s, text: x}}
  - advance: 10ms
  - expect: {{log: {{text: told, count: 1}}}}
  - expect: {{log: {{text: more, count: 1}}}}
  - expect: {{log: {{text: ' get 0', count: 2}}}}
  - expect: {{log: {{text: last, count: 1}}}}
  - expect: {{log: {{text: 'no{{via_upstream}}', count: 2}}}}
"
    );
    let cli = Cli::new(&[]);
    cli.write("plugin.wat", &crate::guest::wat(&crate::grpc::body("svc")));
    let (code, text) = cli.run(&scenario);
    assert_eq!(code, 0, "{text}");
}
