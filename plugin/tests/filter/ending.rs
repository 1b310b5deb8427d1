//! The end of an instance: what is left goes out at once, and Envoy waits until it is settled.

use flow_filter::observe::Moved::Tx;
use flow_filter::push::Response;

use crate::aggregator::Fault;
use crate::attributes::Fake;
use crate::delivery::{config, next_call, outbound, sidecar};
use crate::sidecar::Sidecar;

#[test]
fn the_end_delivers_what_is_left() {
    let mut sidecar = Sidecar::new(config(100, 2), 1);
    for dest_app in ["a", "b", "c"] {
        outbound(&mut sidecar, dest_app, 1, 0);
    }
    // A stream that is still open and unknown.
    let slot = sidecar.filter.open();
    sidecar.count(slot, Tx(5), &Fake::outbound());
    let call = sidecar.end().expect("a push at once");
    assert!(!sidecar.filter.is_settled());
    let failed = Response { status: Some(503), ..Response::default() };
    assert!(sidecar.answer(call.token, &failed).is_none());
    let mut next = Some(next_call(&mut sidecar));
    while let Some(call) = next {
        let response = sidecar.aggregator.post(&call.body, Fault::None).unwrap();
        next = sidecar.answer(call.token, &response);
    }
    assert!(sidecar.filter.is_settled());
    assert_eq!(sidecar.aggregator.bytes(), 8);
}

#[test]
fn the_end_does_not_wait_for_a_retry() {
    let mut sidecar = sidecar();
    outbound(&mut sidecar, "a", 1, 0);
    let call = next_call(&mut sidecar);
    sidecar.answer(call.token, &Response { status: Some(503), ..Response::default() });
    assert_eq!(sidecar.end().expect("a push at once").body, call.body);
}

#[test]
fn the_end_does_not_send_beside_a_call_in_the_air() {
    let mut sidecar = sidecar();
    outbound(&mut sidecar, "a", 1, 0);
    let call = next_call(&mut sidecar);
    outbound(&mut sidecar, "b", 1, 0);
    assert!(sidecar.end().is_none());
    let response = sidecar.aggregator.post(&call.body, Fault::None).unwrap();
    let last = sidecar.answer(call.token, &response).expect("what came in meanwhile");
    let response = sidecar.aggregator.post(&last.body, Fault::None).unwrap();
    assert!(sidecar.answer(last.token, &response).is_none());
    assert!(sidecar.filter.is_settled());
}

#[test]
fn an_end_that_is_rejected_is_an_end() {
    let mut sidecar = sidecar();
    outbound(&mut sidecar, "a", 1, 0);
    let call = sidecar.end().unwrap();
    let response = sidecar.aggregator.post(&call.body, Fault::Rejected).unwrap();
    assert!(sidecar.answer(call.token, &response).is_none());
    assert!(sidecar.filter.is_settled());
}
