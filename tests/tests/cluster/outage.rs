//! A cluster that does not serve: writes and reads are refused within seconds, it is said why, and
//! everything goes on by itself when the cluster does.

use std::time::{Duration, Instant};

use flow_tests::client::agent;
use flow_tests::deadline::wait_for;
use flow_tests::front_end::FrontEnd;
use flow_tests::redis_cluster::RedisCluster;

/// A write takes four seconds at most until it is given up, and a busy machine some more.
const BOUND: Duration = Duration::from_secs(7);

/// Status, `retry-after` and body of a write of a flow.
pub fn write(front_end: &FrontEnd, src_app: &str) -> (u16, Option<String>, String) {
    let flow = format!(
        "[{{\"src_app\":\"{src_app}\",\"dest_app\":\"b\",\"vpc_id\":\"v\",\"hour\":1,\
         \"bytes_tx\":1,\"bytes_rx\":1}}]"
    );
    let url = format!("http://127.0.0.1:{}/flows", front_end.port());
    let request = agent(BOUND).post(&url).header("content-type", "application/json");
    let mut answer = request.send(flow).expect("an answer comes in time");
    let retry_after = answer.headers().get("retry-after");
    let retry_after = retry_after.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = answer.body_mut().read_to_string().expect("an answer has a body");
    (answer.status().as_u16(), retry_after, body)
}

pub fn readiness(front_end: &FrontEnd) -> Result<(), String> {
    let (status, body) = front_end.get("/readyz")?;
    if status == 200 { Ok(()) } else { Err(String::from_utf8_lossy(&body).into_owned()) }
}

/// Waits until it is not ready for this reason.
pub fn wait_for_reason(front_end: &FrontEnd, reason: &str) {
    wait_for("the reason for not being ready", || match readiness(front_end) {
        Err(told) if told.contains(reason) => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

pub fn assert_refused_in_time(front_end: &FrontEnd, src_app: &str) {
    let begun = Instant::now();
    let (status, retry_after, body) = write(front_end, src_app);
    assert_eq!((status, retry_after.as_deref()), (503, Some("1")), "{body}");
    assert!(body.contains("the store takes no writes at the moment"), "{body}");
    assert!(begun.elapsed() < BOUND);
}

#[test]
fn without_any_node_writes_are_refused_until_there_are_nodes_again() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let mut cluster = RedisCluster::start(3, 0);
    let url = cluster.url("outage");
    let mut front_end = FrontEnd::start("fas", &["--store", &url], directory.path());
    assert_eq!(write(&front_end, "a").0, 200);
    for at in 0..3 {
        cluster.kill(at);
    }
    assert_refused_in_time(&front_end, "a");
    // Of this instance nothing is known yet.
    let batch = r#"{"version":1,"instance":"new","sequence":1,"reporter":"source",
        "watermark_ms":1,"lost_bytes":0,"folded_bytes":0,"hours":[]}"#;
    let url = format!("http://127.0.0.1:{}/v1/batches", front_end.port());
    let pushed = agent(BOUND).post(&url).header("content-type", "application/json").send(batch);
    assert_eq!(pushed.expect("an answer comes in time").status(), 503);
    assert_eq!(front_end.get("/v1/flows?hour=1").expect("an answer").0, 503);
    wait_for_reason(&front_end, "no node of the cluster answers");
    for at in 0..3 {
        cluster.restart(at);
    }
    cluster.wait_until_whole();
    wait_for("readiness", || readiness(&front_end));
    assert_eq!(write(&front_end, "a").0, 200, "{}", front_end.log());
    let (_, body) = front_end.get("/flows?hour=1").expect("an answer");
    let body = String::from_utf8_lossy(&body).into_owned();
    assert!(body.contains("\"bytes_tx\":2"), "what was refused was not added: {body}");
    assert!(front_end.runs());
}

#[test]
fn a_cluster_that_lacks_slots_is_down() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let mut cluster = RedisCluster::start(3, 0);
    let url = cluster.url("outage");
    let front_end = FrontEnd::start("fas", &["--store", &url], directory.path());
    cluster.kill(1);
    wait_for_reason(&front_end, "the cluster is down");
    // Whatever its shard is.
    for src_app in ["a", "b", "c", "d"] {
        assert_refused_in_time(&front_end, src_app);
    }
    cluster.restart(1);
    cluster.wait_until_whole();
    wait_for("readiness", || readiness(&front_end));
    for src_app in ["a", "b", "c", "d"] {
        wait_for("a write", || match write(&front_end, src_app) {
            (200, ..) => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }
}

#[test]
fn a_write_without_a_copy_is_refused_where_there_should_be_one() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let mut cluster = RedisCluster::start(3, 1);
    let url = cluster.url("outage");
    let careful = FrontEnd::start("fas-careful", &["--store", &url], directory.path());
    let bold_arguments = ["--store", &url, "--replica-acks", "0"];
    let bold = FrontEnd::start("fas-bold", &bold_arguments, directory.path());
    assert_eq!(write(&careful, "a").0, 200);
    for at in 3..6 {
        cluster.kill(at);
    }
    assert_refused_in_time(&careful, "a");
    wait_for_reason(&careful, "has the replicas that a write needs");
    assert_eq!(write(&bold, "a").0, 200);
    assert_eq!(readiness(&bold), Ok(()));
    for at in 3..6 {
        cluster.restart(at);
    }
    cluster.wait_until_whole();
    assert_eq!(write(&careful, "a").0, 200);
    wait_for("readiness", || readiness(&careful));
}

#[test]
fn a_cluster_that_is_full_refuses_and_forgets_nothing() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let cluster = RedisCluster::start_with(1, 0, &["--maxmemory-policy", "noeviction"]);
    let url = cluster.url("outage");
    let front_end = FrontEnd::start("fas", &["--store", &url], directory.path());
    assert_eq!(write(&front_end, "a").0, 200);
    let limit = |bytes: &str| {
        let mut command = redis::cmd("CONFIG");
        command.arg("SET").arg("maxmemory").arg(bytes);
        cluster.try_ask(0, command).expect("it can be set");
    };
    limit("1mb");
    assert_refused_in_time(&front_end, "a");
    assert!(front_end.log().contains("OOM"), "{}", front_end.log());
    assert!(!front_end.log().contains("evicts"), "{}", front_end.log());
    limit("0");
    assert_eq!(write(&front_end, "a").0, 200);
    let (_, body) = front_end.get("/flows?hour=1").expect("an answer");
    assert!(String::from_utf8_lossy(&body).contains("\"bytes_tx\":2"));
}

#[test]
fn a_node_that_evicts_is_warned_of() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let settings = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"];
    let cluster = RedisCluster::start_with(1, 0, &settings);
    let url = cluster.url("outage");
    let front_end = FrontEnd::start("fas", &["--store", &url], directory.path());
    assert!(front_end.log().contains("evicts"), "{}", front_end.log());
}
