//! An Envoy that is ended brings no answers any more. What nobody has confirmed is in its log, and
//! is replayed from there: once, also if it had arrived after all.

use std::fs;
use std::process::Command;

use flow_tests::{Bytes, Mesh, Totals, programs};

#[test]
fn what_could_not_be_pushed_is_replayed_from_the_log() {
    let mut mesh = Mesh::plan().start();
    mesh.fas_mut().stop();
    let http = mesh.http().get(10_000) + mesh.http().upload(3_000);
    let tcp = mesh.tcp().exchange(500, 700);
    mesh.frontend_mut().stop();
    mesh.fas_mut().restart();
    assert_eq!(mesh.fas().totals(), Ok(Totals::default()), "nothing has arrived");

    let expected = Totals::of([("frontend", "backend", http), ("frontend", "backend-tcp", tcp)]);
    let said = replay(&mesh);
    let count = said.split(' ').nth(1).expect("a count").to_owned();
    assert_eq!(said, format!("replayed {count} batches (0 were there already)\n"));
    assert_eq!(mesh.fas().totals().as_ref(), Ok(&expected));
    assert_eq!(replay(&mesh), format!("replayed 0 batches ({count} were there already)\n"));
    assert_eq!(mesh.fas().totals(), Ok(expected));
}

#[test]
fn a_replay_reads_the_log_as_istio_has_it_and_believes_envoy_only() {
    const FORMAT: &str = "%Y-%m-%dT%T.%fZ\t%l\tenvoy %n %g:%#\t%v\tthread=%t";
    let mut mesh = Mesh::plan().log_format(FORMAT).start();
    mesh.fas_mut().stop();
    let http = mesh.http().get(10_000);
    mesh.frontend_mut().stop();
    mesh.fas_mut().restart();
    let claim = r#"{"version":1,"instance":"x","sequence":1,"reporter":"source","watermark_ms":0,"lost_bytes":0,"folded_bytes":0,"hours":[{"hour":1,"flows":[["a","b","c",1,1]]}]}"#;
    let log = mesh.frontend().log();
    assert!(log.contains("\tthread="), "{log}");
    let forged = format!("\"GET /\" \"wasm log f: flow_filter-spill-v1 {claim}\"\n{log}");
    assert!(replay_text(&mesh, &forged).ends_with(" batches (0 were there already)\n"));
    assert_eq!(mesh.fas().flows(1), Ok(serde_json::json!([])), "what was forged");
    mesh.ends_with(&Totals::of([("frontend", "backend", http)]));
}

#[test]
fn whenever_envoy_is_ended_under_traffic_totals_are_exact_after_a_replay() {
    const ROUNDS: usize = 12;
    for round in 0..ROUNDS {
        let mut mesh = Mesh::plan().workers(1 + round % 2).push_interval_ms(100).start();
        let mut http = Bytes::default();
        // From before the first push to after several.
        for _ in 0..1 + 40 * round {
            http += mesh.http().get(1_234);
        }
        // Answered, so that it has gone through Envoy.
        let tcp = mesh.tcp().exchange(1_000, 1 + round);
        mesh.frontend_mut().stop();
        replay(&mesh);
        mesh.ends_with(&Totals::of([
            ("frontend", "backend", http),
            ("frontend", "backend-tcp", tcp),
        ]));
    }
}

#[test]
fn an_envoy_that_takes_over_leaves_nothing_behind() {
    let mut mesh = Mesh::plan().with_hot_restart().workers(2).push_interval_ms(3_600_000).start();
    let mut http = mesh.http().get(10_000);
    let mut tcp = mesh.tcp().exchange(500, 700);
    mesh.frontend_mut().restart_hot();
    http += mesh.http().get(1_000);
    tcp += mesh.tcp().exchange(10, 20);
    mesh.frontend_mut().stop();
    replay(&mesh);
    mesh.ends_with(&Totals::of([("frontend", "backend", http), ("frontend", "backend-tcp", tcp)]));
}

/// A root may ask for time when its listener goes; but Envoy keeps no VM for it that has no other.
#[test]
fn what_goes_with_the_last_filter_of_a_vm_is_in_the_log() {
    let plan = Mesh::plan().with_dynamic_listeners().push_interval_ms(3_600_000);
    let mut mesh = plan.start();
    let mut http = mesh.http().get(10_000) + mesh.http().upload(3_000);
    let tcp = mesh.tcp().exchange(500, 700);
    mesh.frontend().listeners().change("vm_id: flow_filter", "vm_id: another");
    flow_tests::deadline::wait_until("the old filters to end", || {
        mesh.frontend().log().matches("flow_filter-spill-v1 ").count() >= 2
    });
    http += mesh.http().get(1_000);
    mesh.frontend_mut().stop();
    replay(&mesh);
    let expected = Totals::of([("frontend", "backend", http), ("frontend", "backend-tcp", tcp)]);
    assert_eq!(mesh.fas().totals(), Ok(expected));
}

/// Replays the frontend's log, and returns what is said about it.
fn replay(mesh: &Mesh) -> String {
    replay_text(mesh, &mesh.frontend().log())
}

fn replay_text(mesh: &Mesh, text: &str) -> String {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let log = directory.path().join("envoy.log");
    fs::write(&log, text).expect("a file can be written");
    let mut command = Command::new(programs::fas());
    command.args(["import", "--spill", "--url", &mesh.fas().url()]).arg(&log);
    let output = command.output().expect("fas runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
