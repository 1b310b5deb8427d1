//! The filter's bounds, on the simulator: memory stays bounded and totals exact, however much
//! there is to remember, for however long nobody takes it.

use std::cell::RefCell;
use std::fs;
use std::rc::Rc;

use flow_tests::programs;
use host_sim::{
    Backend, CallRequest, CallResponse, Cluster, Direction, Host, Peer, Plugin, Properties,
    SECOND_NS, Timestamp,
};
use serde_json::{Value, json};

/// What a VM may have in all: it traps if it asks for more.
const MEMORY_BYTES: usize = 4 * 1024 * 1024;

/// More than a table holds.
const APPS: u64 = 6_000;

const DAY_NS: u64 = 24 * 3_600 * SECOND_NS;

/// What the aggregator was given.
#[derive(Default)]
struct Given {
    bytes: u64,
    folded_bytes: u64,
    lost_bytes: u64,
}

/// `FLOW_STREAMS=10000000` takes some minutes.
fn streams() -> u64 {
    let count = std::env::var("FLOW_STREAMS").ok();
    count.map_or(150_000, |count| count.parse().expect("FLOW_STREAMS is a number"))
}

#[test]
fn a_day_without_an_aggregator_fits_into_four_mebibytes_and_loses_nothing() {
    let given = Rc::new(RefCell::new(Given::default()));
    let mut host = start(&given);
    let started_ns = host.now().0;
    let back_ns = started_ns + DAY_NS;
    host.change_cluster("flow_aggregator", |cluster| cluster.away_until(back_ns)).unwrap();

    let streams = streams();
    let mut sent = 0;
    for number in 0..streams {
        let (tx, rx) = (1 + number % 1_400, number % 9);
        connection(&mut host, number % APPS, tx, rx);
        sent += tx + rx;
        host.advance(DAY_NS / streams).unwrap();
        // The past is not needed, and would be larger than all else.
        host.forget_timeline();
    }
    assert_eq!(given.borrow().bytes, 0, "it was away");
    host.advance(3_600 * SECOND_NS).unwrap();

    let given = given.borrow();
    assert_eq!(given.bytes, sent);
    assert_eq!(given.lost_bytes, 0);
    assert!(given.folded_bytes > 0, "there were more names than rows");
    assert_eq!(host.metrics()["flow_filter_lost_bytes"].value, 0);
    println!("{streams} streams; {} of {sent} bytes without names", given.folded_bytes);
}

#[test]
fn a_vm_at_rest_fits_into_two_mebibytes() {
    const AT_REST_BYTES: usize = 2 * 1024 * 1024;
    let given = Rc::new(RefCell::new(Given::default()));
    let mut host = start_within(AT_REST_BYTES, &given);
    let mut sent = 0;
    for number in 0..1_000 {
        connection(&mut host, number % 50, 100, 100);
        sent += 200;
        host.advance(SECOND_NS / 10).unwrap();
    }
    host.advance(10 * SECOND_NS).unwrap();
    assert_eq!(given.borrow().bytes, sent);
}

fn connection(host: &mut Host, app: u64, tx: u64, rx: u64) {
    let properties = Properties::new()
        .with(&["xds", "listener_direction"], 2)
        .with(&["xds", "cluster_name"], &*format!("service-{app}.namespace-{}", app % 50));
    let stream = host.open_tcp(0, properties).unwrap();
    host.send(stream, Direction::FromDownstream, vec![0; tx as usize], false).unwrap();
    host.send(stream, Direction::FromUpstream, vec![0; rx as usize], false).unwrap();
    host.close_tcp(stream, Peer::Remote).unwrap();
}

fn start(given: &Rc<RefCell<Given>>) -> Host {
    start_within(MEMORY_BYTES, given)
}

fn start_within(memory_bytes: usize, given: &Rc<RefCell<Given>>) -> Host {
    let module = fs::read(programs::filter()).expect("the filter can be read");
    let given = Rc::clone(given);
    let aggregator =
        Backend::Function(Rc::new(move |request| take(&mut given.borrow_mut(), request)));
    let configuration = json!({
        "mode": "tcp",
        "identity": "envoy",
        "push": {"cluster": "flow_aggregator"},
    });
    Host::builder(Plugin::load(&module).expect("the filter loads"))
        .start_time(Timestamp(480_000 * 3_600 * SECOND_NS))
        .node("sidecar-1", "frontend", Properties::new().with(&["vpc_id"], "vpc-1"))
        .configuration(configuration.to_string())
        .memory_bytes(memory_bytes)
        .cluster("flow_aggregator", Cluster::new(aggregator).latency_ns(SECOND_NS / 100))
        .start()
        .expect("the filter starts")
}

/// Takes a batch in, and acknowledges it.
fn take(given: &mut Given, request: &CallRequest) -> CallResponse {
    let batch: Value = serde_json::from_slice(&request.body).expect("a batch is JSON");
    let number = |value: &Value| value.as_u64().expect("a counter");
    given.folded_bytes += number(&batch["folded_bytes"]);
    given.lost_bytes += number(&batch["lost_bytes"]);
    for hour in batch["hours"].as_array().expect("hours") {
        for flow in hour["flows"].as_array().expect("flows") {
            given.bytes += number(&flow[3]) + number(&flow[4]);
        }
    }
    let answer = json!({"instance": batch["instance"], "sequence": batch["sequence"],
                        "status": "applied"});
    CallResponse::new(200, &[], answer.to_string().as_bytes())
}
