//! When a batch goes out, what it says, and what an answer means for it.

use flow_filter::config::Config;
use flow_filter::filter::Filter;
use flow_filter::observe::Moved::{Rx, Tx};
use flow_filter::push::Response;
use flow_model::{Reporter, wire};
use serde_json::{Value, json};

use crate::aggregator::Fault;
use crate::attributes::Fake;
use crate::sidecar::{Call, HOUR, HOUR_MS, START_MS, Sidecar};

pub fn config(max_flows: u64, max_batch_flows: u64) -> Value {
    json!({
        "mode": "tcp",
        "report": "both",
        "src_app": [{"node_metadata": "app"}],
        "dest_app": ["cluster_name"],
        "vpc_id": "v",
        "bounds": {"max_flows": max_flows, "max_batch_flows": max_batch_flows},
    })
}

pub fn sidecar() -> Sidecar {
    Sidecar::new(config(4_096, 1_000), 1)
}

/// One stream of its own that moves some bytes.
pub fn stream(sidecar: &mut Sidecar, attributes: &Fake, dest_app: &str, tx: u64, rx: u64) {
    attributes.set("xds.cluster_name", dest_app);
    let slot = sidecar.filter.open().unwrap();
    sidecar.count(slot, Tx(tx), attributes);
    sidecar.count(slot, Rx(rx), attributes);
    sidecar.filter.close(slot, attributes);
}

pub fn outbound(sidecar: &mut Sidecar, dest_app: &str, tx: u64, rx: u64) {
    stream(sidecar, &Fake::outbound(), dest_app, tx, rx);
}

/// Ticks until there is a call.
pub fn next_call(sidecar: &mut Sidecar) -> Call {
    (0..1_000).find_map(|_| sidecar.tick()).expect("a call within a thousand ticks")
}

#[test]
fn nothing_is_pushed_when_nothing_was_seen() {
    let mut sidecar = sidecar();
    assert!((0..1_000).all(|_| sidecar.tick().is_none()));
    assert!(sidecar.end().is_none());
    assert!(sidecar.filter.is_settled());
}

#[test]
fn the_first_push_is_spread_over_the_interval() {
    let first_ms = |seed| {
        let mut sidecar = Sidecar::new(config(9, 9), seed);
        outbound(&mut sidecar, "b", 1, 1);
        next_call(&mut sidecar);
        sidecar.now_ms - START_MS
    };
    let mut times: Vec<_> = (0..40).map(first_ms).collect();
    times.sort_unstable();
    assert!(times.first() < Some(&300) && times.last() > Some(&700), "{times:?}");
    assert!(times.iter().all(|time_ms| *time_ms <= 1_200), "{times:?}");
}

#[test]
fn pushes_are_an_interval_apart_and_a_backlog_is_not_left_waiting() {
    let mut sidecar = Sidecar::new(config(100, 2), 1);
    for dest_app in ["a", "b", "c", "d", "e"] {
        outbound(&mut sidecar, dest_app, 1, 1);
    }
    let mut times = Vec::new();
    for _ in 0..40 {
        if let Some(call) = sidecar.tick() {
            times.push(sidecar.now_ms);
            let response = sidecar.aggregator.post(&call.body, Fault::None).unwrap();
            assert!(sidecar.answer(call.token, &response).is_none());
            outbound(&mut sidecar, "a", 1, 1);
        }
    }
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // Five keys, and one of them again, two in a batch: a batch a tick until no more is waiting.
    // From then on, pushes keep to the points in time at which they would have been anyway.
    assert_eq!(gaps[..3], [200, 200, 200], "{gaps:?}");
    assert_eq!(times[4] - times[0], 1_000, "{gaps:?}");
    assert!(gaps[4..].iter().all(|gap_ms| *gap_ms == 1_000), "{gaps:?}");
    assert_eq!(sidecar.aggregator.largest, 2);
}

#[test]
fn the_watermark_waits_until_all_is_in() {
    let mut sidecar = Sidecar::new(config(100, 2), 1);
    for dest_app in ["a", "b", "c"] {
        outbound(&mut sidecar, dest_app, 1, 0);
    }
    stream(&mut sidecar, &Fake::inbound(), "a", 1, 0);
    let mut watermarks = Vec::new();
    for _ in 0..3 {
        let call = next_call(&mut sidecar);
        let response = sidecar.aggregator.post(&call.body, Fault::None).unwrap();
        sidecar.answer(call.token, &response);
        watermarks.push((sidecar.aggregator.watermark_ms, sidecar.now_ms));
    }
    assert_eq!(watermarks[0].0, START_MS);
    assert_eq!(watermarks[1].0, START_MS);
    assert_eq!(watermarks[2].0, watermarks[2].1);
    assert!(sidecar.tick().is_none());
}

#[test]
fn a_rejected_batch_is_lost_and_reported() {
    let mut sidecar = sidecar();
    outbound(&mut sidecar, "a", 3, 4);
    let call = next_call(&mut sidecar);
    let response = sidecar.aggregator.post(&call.body, Fault::Rejected).unwrap();
    sidecar.answer(call.token, &response);
    // The report of the loss is rejected, too: the next one repeats it.
    outbound(&mut sidecar, "a", 10, 0);
    let call = next_call(&mut sidecar);
    assert_eq!(wire::decode_batch(&call.body).unwrap().lost_bytes, 7);
    let response = sidecar.aggregator.post(&call.body, Fault::Rejected).unwrap();
    sidecar.answer(call.token, &response);
    sidecar.run_ms(5_000);
    assert_eq!((sidecar.aggregator.bytes(), sidecar.aggregator.lost_bytes), (0, 17));
    let totals = sidecar.filter.totals();
    assert_eq!((totals.batches_rejected, totals.lost_bytes), (2, 17));
    assert!(sidecar.filter.take_notices().iter().any(|notice| {
        notice.to_string()
            == "batch 1 was rejected with status 400, 7 bytes are lost: {\"title\":\"no\"}"
    }));
}

#[test]
fn who_rejects_everything_is_not_bothered_every_interval() {
    let mut sidecar = sidecar();
    outbound(&mut sidecar, "a", 3, 4);
    let reject_for_ms = |sidecar: &mut Sidecar, duration_ms: u64| {
        let (end_ms, mut calls) = (sidecar.now_ms + duration_ms, 0);
        while sidecar.now_ms < end_ms {
            if let Some(call) = sidecar.tick() {
                let response = sidecar.aggregator.post(&call.body, Fault::Rejected).unwrap();
                sidecar.answer(call.token, &response);
                calls += 1;
            }
        }
        calls
    };
    let in_the_first_minute = reject_for_ms(&mut sidecar, 60_000);
    assert!((2..=10).contains(&in_the_first_minute), "{in_the_first_minute}");
    let in_the_next_hour = reject_for_ms(&mut sidecar, HOUR_MS);
    assert!((50..=130).contains(&in_the_next_hour), "{in_the_next_hour}");
    let logged = sidecar.filter.take_notices();
    let errors = logged.iter().filter(|notice| notice.level() == log::Level::Error).count();
    assert!((2..=9).contains(&errors), "{errors}");
    // Flows do not wait, and the loss goes along with them.
    outbound(&mut sidecar, "a", 1, 0);
    let from_ms = sidecar.now_ms;
    let call = next_call(&mut sidecar);
    assert!(sidecar.now_ms - from_ms <= 1_200);
    let response = sidecar.aggregator.post(&call.body, Fault::None).unwrap();
    sidecar.answer(call.token, &response);
    assert_eq!((sidecar.aggregator.bytes(), sidecar.aggregator.lost_bytes), (1, 7));
}

#[test]
fn a_late_receipt_counts_and_other_late_answers_do_not() {
    let mut sidecar = sidecar();
    outbound(&mut sidecar, "a", 1, 0);
    let call = next_call(&mut sidecar);
    let receipt = sidecar.aggregator.post(&call.body, Fault::None).unwrap();
    // Neither the answer nor Envoy's timeout came: the same goes out again.
    let again = next_call(&mut sidecar);
    assert!(sidecar.now_ms - START_MS >= 6_000);
    assert_eq!((again.body == call.body, again.token == call.token), (true, false));
    let late = Response { status: Some(400), ..Response::default() };
    sidecar.answer(call.token, &late);
    assert_eq!(sidecar.filter.totals().batches_rejected, 0);
    sidecar.answer(call.token, &receipt);
    assert_eq!(sidecar.filter.totals().batches_delivered, 1);
    // The second call is still in the air: nothing else goes out beside it.
    outbound(&mut sidecar, "a", 1, 0);
    for _ in 0..10 {
        assert!(sidecar.tick().is_none());
    }
    sidecar.answer(again.token, &receipt);
    assert_eq!(wire::decode_batch(&next_call(&mut sidecar).body).unwrap().sequence, 2);
}

#[test]
fn retry_after_is_honoured() {
    let mut sidecar = sidecar();
    outbound(&mut sidecar, "a", 1, 0);
    let call = next_call(&mut sidecar);
    let response =
        Response { status: Some(503), retry_after: Some("30".to_owned()), body: Vec::new() };
    sidecar.answer(call.token, &response);
    let from_ms = sidecar.now_ms;
    assert_eq!(next_call(&mut sidecar).body, call.body);
    assert!((30_000..=30_200).contains(&(sidecar.now_ms - from_ms)));
}

#[test]
fn a_request_that_envoy_does_not_take_is_sent_again() {
    let mut sidecar = sidecar();
    outbound(&mut sidecar, "a", 1, 0);
    let call = next_call(&mut sidecar);
    sidecar.filter.not_sent();
    assert!(sidecar.tick().is_none());
    assert_eq!(next_call(&mut sidecar).body, call.body);
    assert_eq!(sidecar.filter.totals().batches_retried, 1);
}

#[test]
fn an_outage_of_hours_loses_nothing() {
    let mut sidecar = sidecar();
    let mut sent = 0;
    for _ in 0..3 * 60 * 12 {
        outbound(&mut sidecar, "a", 1, 2);
        sent += 3;
        for _ in 0..25 {
            if let Some(call) = sidecar.tick() {
                sent_again(&mut sidecar, &call);
            }
        }
    }
    assert_eq!(sidecar.aggregator.bytes(), 0);
    sidecar.run_ms(120_000);
    assert_eq!(sidecar.aggregator.bytes(), sent);
    let hours: Vec<_> = sidecar.aggregator.totals.keys().map(|key| key.1).collect();
    assert_eq!(hours, [HOUR, HOUR + 1, HOUR + 2]);
    let warnings = sidecar.filter.take_notices();
    let loud = warnings.iter().filter(|n| n.level() <= log::Level::Warn).count();
    assert!(loud < 12, "{loud} warnings");
}

fn sent_again(sidecar: &mut Sidecar, call: &Call) {
    let response = sidecar.aggregator.post(&call.body, Fault::Status(503)).unwrap();
    sidecar.answer(call.token, &response);
}

#[test]
fn a_clock_that_is_set_back_stops_nothing() {
    let mut sidecar = sidecar();
    outbound(&mut sidecar, "a", 1, 0);
    sidecar.run_ms(2_000);
    sidecar.now_ms -= 5 * HOUR_MS;
    outbound(&mut sidecar, "a", 1, 0);
    sidecar.run_ms(2_000);
    assert_eq!(sidecar.aggregator.bytes(), 2);
    assert!(sidecar.aggregator.watermark_ms > START_MS);
}

#[test]
fn the_sides_take_turns() {
    let mut sidecar = Sidecar::new(config(100, 1), 1);
    for dest_app in ["a", "b", "c"] {
        outbound(&mut sidecar, dest_app, 1, 0);
    }
    stream(&mut sidecar, &Fake::inbound(), "a", 1, 0);
    let mut sides = Vec::new();
    for _ in 0..4 {
        let call = next_call(&mut sidecar);
        let response = sidecar.aggregator.post(&call.body, Fault::None).unwrap();
        sidecar.answer(call.token, &response);
        sides.push(wire::decode_batch(&call.body).unwrap().reporter);
    }
    let (source, destination) = (Reporter::Source, Reporter::Destination);
    assert_eq!(sides, [source, destination, source, source]);
}

/// Ticks for a while, and answers every call well. Gives when each was made, how many flows it
/// had, and its watermark.
fn calls(sidecar: &mut Sidecar, duration_ms: u64) -> Vec<(u64, usize, u64)> {
    let (end_ms, mut calls) = (sidecar.now_ms + duration_ms, Vec::new());
    while sidecar.now_ms < end_ms {
        let Some(call) = sidecar.tick() else { continue };
        let batch = wire::decode_batch(&call.body).unwrap();
        calls.push((sidecar.now_ms, batch.flows.len(), batch.watermark_ms));
        let response = sidecar.aggregator.post(&call.body, Fault::None).unwrap();
        assert!(sidecar.answer(call.token, &response).is_none());
    }
    calls
}

#[test]
fn an_idle_instance_says_every_minute_that_it_has_told_all() {
    let mut sidecar = sidecar();
    outbound(&mut sidecar, "a", 1, 0);
    let calls = calls(&mut sidecar, 10 * 60_000);
    assert_eq!(calls.len(), 10, "{calls:?}");
    for pair in calls.windows(2) {
        let (at_ms, flows, watermark_ms) = pair[1];
        assert_eq!((flows, watermark_ms), (0, at_ms));
        assert!((60_000..=61_000).contains(&(at_ms - pair[0].0)), "{calls:?}");
    }
    assert_eq!(sidecar.aggregator.bytes(), 1);
}

#[test]
fn an_idle_instance_says_soon_that_an_hour_is_over() {
    let mut sidecar = sidecar();
    sidecar.now_ms += HOUR_MS - 10_000;
    outbound(&mut sidecar, "a", 1, 0);
    let calls = calls(&mut sidecar, 20_000);
    let [_, (_, flows, watermark_ms)] = calls[..] else { panic!("{calls:?}") };
    let after_ms = watermark_ms - (START_MS + HOUR_MS);
    assert!(flows == 0 && after_ms <= 1_200, "{calls:?}");
}

#[test]
fn after_a_clock_was_set_back_the_end_of_an_hour_is_still_news() {
    let mut sidecar = sidecar();
    outbound(&mut sidecar, "a", 1, 0);
    calls(&mut sidecar, 5_000);
    sidecar.now_ms -= 3 * HOUR_MS + 15_000;
    assert_eq!(calls(&mut sidecar, 5_000).len(), 1);
    let calls = calls(&mut sidecar, 10_000);
    let [(at_ms, flows, watermark_ms)] = calls[..] else { panic!("{calls:?}") };
    assert!(at_ms >= START_MS - 3 * HOUR_MS && watermark_ms > START_MS, "{calls:?}");
    assert_eq!(flows, 0);
}

#[test]
fn who_pushes_seldom_is_heard_of_in_between() {
    let mut sidecar = sidecar();
    let mut config = config(100, 100);
    let push = json!({"cluster": "aggregator", "interval_ms": HOUR_MS, "timeout_ms": 1_000});
    config["push"] = push;
    let config = Config::parse(config.to_string().as_bytes()).unwrap();
    let node = Fake::default().with("xds.node.metadata.app", "frontend");
    sidecar.filter = Filter::new(config, &node, START_MS * 1_000_000, 1);
    outbound(&mut sidecar, "a", 1, 0);
    let calls = calls(&mut sidecar, 2 * HOUR_MS);
    let pushed = calls.iter().position(|(_, flows, _)| *flows > 0).unwrap();
    assert!(calls.windows(2).all(|pair| pair[1].0 - pair[0].0 <= 61_000), "{calls:?}");
    // Until then it has not told all, and does not say so.
    assert!(calls[..pushed].iter().all(|(_, _, watermark_ms)| *watermark_ms == START_MS));
    assert!(calls[pushed..].iter().all(|(at_ms, _, watermark_ms)| watermark_ms == at_ms));
}
