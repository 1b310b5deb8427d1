//! The end of an instance: what is left goes out at once, and Envoy waits until it is settled.

use flow_filter::observe::Moved::Tx;
use flow_filter::push::Response;
use flow_model::{Batch, wire};

use crate::aggregator::Fault;
use crate::attributes::Fake;
use crate::delivery::{config, next_call, outbound, sidecar};
use crate::sidecar::{Call, Sidecar};

#[test]
fn the_end_delivers_what_is_left() {
    let mut sidecar = Sidecar::new(config(100, 2), 1);
    for dest_app in ["a", "b", "c"] {
        outbound(&mut sidecar, dest_app, 1, 0);
    }
    // A stream that is still open and unknown.
    let slot = sidecar.filter.open().unwrap();
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
fn at_the_end_all_that_nobody_has_confirmed_is_at_hand() {
    let mut sidecar = Sidecar::new(config(100, 2), 1);
    outbound(&mut sidecar, "first", 1, 0);
    let call = next_call(&mut sidecar);
    for dest_app in ["a", "b", "c", "d", "e"] {
        outbound(&mut sidecar, dest_app, 1, 0);
    }
    assert!(sidecar.end().is_none(), "one is in the air");
    let spilled: Vec<Vec<u8>> = sidecar.filter.unconfirmed().map(<[u8]>::to_vec).collect();
    assert_eq!(spilled[0], *call.body);
    assert_eq!(spilled.len(), 4);

    // Where Envoy does wait, the very same batches arrive.
    let mut sent = vec![call.body.to_vec()];
    let mut next = deliver(&mut sidecar, &call).1;
    while let Some(call) = next {
        sent.push(call.body.to_vec());
        next = deliver(&mut sidecar, &call).1;
    }
    assert_eq!(sent, spilled);
    assert!(sidecar.filter.is_settled() && sidecar.filter.unconfirmed().next().is_none());
    assert_eq!(sidecar.aggregator.bytes(), 6);
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

/// What a call says, and its good answer.
fn deliver<'a>(sidecar: &mut Sidecar, call: &'a Call) -> (Batch<'a>, Option<Call>) {
    let response = sidecar.aggregator.post(&call.body, Fault::None).unwrap();
    let next = sidecar.answer(call.token, &response);
    (wire::decode_batch(&call.body).unwrap(), next)
}

#[test]
fn the_last_batch_says_that_it_is_the_last() {
    let mut sidecar = Sidecar::new(config(100, 2), 1);
    for dest_app in ["a", "b", "c"] {
        outbound(&mut sidecar, dest_app, 1, 0);
    }
    let first = sidecar.end().unwrap();
    let (batch, last) = deliver(&mut sidecar, &first);
    assert_eq!((batch.flows.len(), batch.ended), (2, false));
    assert!(!sidecar.filter.is_settled());
    let last = last.unwrap();
    let (batch, none) = deliver(&mut sidecar, &last);
    assert_eq!((batch.flows.len(), batch.ended, batch.watermark_ms), (1, true, sidecar.now_ms));
    assert!(none.is_none() && sidecar.filter.is_settled());
    assert!((0..1_000).all(|_| sidecar.tick().is_none()), "and no heartbeat comes after it");
}

#[test]
fn who_has_nothing_left_says_so() {
    let mut sidecar = sidecar();
    outbound(&mut sidecar, "a", 1, 0);
    sidecar.run_ms(2_000);
    let last = sidecar.end().expect("the word of the end");
    assert!(!sidecar.filter.is_settled());
    let (batch, none) = deliver(&mut sidecar, &last);
    assert_eq!((batch.flows.len(), batch.ended), (0, true));
    assert!(none.is_none() && sidecar.filter.is_settled());
}

#[test]
fn the_end_is_said_again_when_more_comes_after_it() {
    let mut sidecar = sidecar();
    outbound(&mut sidecar, "a", 1, 0);
    let last = sidecar.end().unwrap();
    outbound(&mut sidecar, "b", 2, 0);
    let (_, next) = deliver(&mut sidecar, &last);
    let next = next.unwrap();
    let (batch, _) = deliver(&mut sidecar, &next);
    assert!(batch.ended && sidecar.filter.is_settled());
    assert_eq!(sidecar.aggregator.bytes(), 3);
}

#[test]
fn envoy_does_not_wait_for_long_when_only_the_end_is_left_to_be_said() {
    let mut sidecar = sidecar();
    outbound(&mut sidecar, "a", 1, 0);
    sidecar.run_ms(2_000);
    let away = Response { status: Some(503), ..Response::default() };
    let mut next = sidecar.end();
    let mut sends = 0;
    while !sidecar.filter.is_settled() {
        let call = next.take().unwrap_or_else(|| next_call(&mut sidecar));
        next = sidecar.answer(call.token, &away);
        sends += 1;
        assert!(sends <= 3, "it goes on");
    }
    assert_eq!(sends, 3);
    // Bytes are another matter.
    let mut sidecar = crate::delivery::sidecar();
    outbound(&mut sidecar, "a", 1, 0);
    let mut call = sidecar.end().unwrap();
    for _ in 0..10 {
        sidecar.answer(call.token, &away);
        call = next_call(&mut sidecar);
    }
    let (batch, _) = deliver(&mut sidecar, &call);
    assert!(batch.ended && sidecar.filter.is_settled());
}
