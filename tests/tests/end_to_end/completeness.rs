//! When an hour is complete, as real sidecars say; their wall clock is set, the aggregator's is not.

use std::time::Duration;

use flow_tests::deadline::wait_until;
use flow_tests::{Bytes, Mesh};
use serde_json::Value;

/// Long before the end of an hour, and so short that it is worth waiting for.
const MINUTE: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(2);

/// An hour that has ended for the aggregator, while it goes on for the sidecars.
const HOURS_AGO: u64 = 3;

#[test]
fn an_hour_is_complete_when_idle_sidecars_have_said_that_it_is_over() {
    let mesh = Mesh::plan().with_clock().start();
    let clock = mesh.clock();
    let hour = clock.hour() - HOURS_AGO;
    clock.set_before_the_end_of(hour, MINUTE);
    let mut connection = mesh.tcp();
    let sent = connection.exchange(100, 200);
    mesh.fas().wait_for_sum(sent);
    let told = || -> Value {
        let answer = mesh.fas().get(&format!("/v1/completeness?hour={hour}"));
        serde_json::from_str(&answer.expect("the aggregator answers")).expect("it is JSON")
    };
    let before = told();
    assert_eq!(before["reasons"], serde_json::json!(["outstanding"]), "{before}");
    let offset_ms = before["skewed"][0]["clock_offset_ms"].as_i64().expect("it tells its clock");
    assert!((-11_000_000..=-7_000_000).contains(&offset_ms), "{before}");

    clock.set_before_the_end_of(hour, SOON);
    clock.wait_for_hour(hour + 1);
    wait_until("the hour is complete", || told()["complete"] == Value::Bool(true));
    assert_eq!(told()["instances"]["outstanding"], 0);
    // It takes nothing of the bytes, nor adds any.
    assert_ne!(sent, Bytes::default());
    mesh.fas().wait_for_sum(sent);
}
