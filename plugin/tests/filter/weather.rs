//! Random traffic and random faults from one seed: totals stay exact, and the watermark honest.

use flow_filter::backoff::Jitter;
use flow_filter::notice::Notice;
use flow_filter::observe::Moved::Tx;
use flow_filter::slab::Slot;
use flow_model::Reporter;
use proptest::prelude::*;

use crate::aggregator::Fault;
use crate::attributes::Fake;
use crate::delivery::{config, stream};
use crate::sidecar::{HOUR_MS, Sidecar};

/// A fault, drawn: one time in two there is none.
fn fault(jitter: &mut Jitter) -> Fault {
    match jitter.below(16) {
        0 | 1 => Fault::LostAnswer,
        2 => Fault::Silence,
        3 => Fault::Reset,
        4 => Fault::Status(503),
        5 => Fault::Status(429),
        6 => Fault::Rejected,
        // A success that somebody else made.
        7 => Fault::Status(200),
        _ => Fault::None,
    }
}

/// Connections that stay open, with a peer that is known late or never.
#[derive(Default)]
struct Connections(Vec<(Slot, Fake)>);

impl Connections {
    /// Opens, uses or closes one; returns the bytes that moved.
    fn step(&mut self, sidecar: &mut Sidecar, jitter: &mut Jitter) -> u64 {
        let count = self.0.len() as u64;
        match jitter.below(6) {
            0 if count < 5 => self.0.push((sidecar.filter.open().unwrap(), Fake::outbound())),
            1 if count > 0 => {
                let (slot, attributes) = self.0.swap_remove(jitter.below(count) as usize);
                sidecar.filter.close(slot, &attributes);
            }
            2 if count > 0 => {
                let (_, attributes) = &self.0[jitter.below(count) as usize];
                attributes.set("xds.cluster_name", "late");
            }
            _ if count > 0 => {
                let (slot, attributes) = &self.0[jitter.below(count) as usize];
                let bytes = jitter.below(1_000);
                sidecar.count(*slot, Tx(bytes), attributes);
                return bytes;
            }
            _ => {}
        }
        0
    }
}

/// What was sent, and when.
#[derive(Default)]
struct Sent(Vec<(u64, u64)>);

impl Sent {
    fn before_ms(&self, time_ms: u64) -> u64 {
        self.0.iter().filter(|(at_ms, _)| *at_ms < time_ms).map(|(_, bytes)| bytes).sum()
    }
}

/// Traffic and faults from one seed; returns the bytes that were sent. All the while, what the
/// watermark vouches for must have arrived, or be lost.
fn traffic(sidecar: &mut Sidecar, jitter: &mut Jitter, ticks: u32) -> u64 {
    let (mut sent, mut connections) = (Sent::default(), Connections::default());
    for _ in 0..ticks {
        sent.0.push((sidecar.now_ms, connections.step(sidecar, jitter)));
        for _ in 0..jitter.below(4) {
            let attributes = if jitter.below(3) == 0 { Fake::inbound() } else { Fake::outbound() };
            let (tx, rx) = (jitter.below(1_000), jitter.below(1_000));
            let dest_app = format!("app-{}", jitter.below(12));
            stream(sidecar, &attributes, &dest_app, tx, rx);
            sent.0.push((sidecar.now_ms, tx + rx));
        }
        if jitter.below(50) == 0 {
            sidecar.now_ms += HOUR_MS;
        }
        if let Some(call) = sidecar.tick() {
            let fault = fault(jitter);
            if let Some(response) = sidecar.aggregator.post(&call.body, fault) {
                sidecar.answer(call.token, &response);
            }
        }
        let settled = sidecar.aggregator.bytes() + sidecar.filter.totals().lost_bytes;
        let vouched = sent.before_ms(sidecar.aggregator.watermark_ms);
        assert!(vouched <= settled, "the watermark vouches for {vouched}, {settled} arrived");
    }
    for (slot, attributes) in connections.0 {
        sidecar.filter.close(slot, &attributes);
    }
    sent.before_ms(u64::MAX)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn totals_are_exact_whatever_happens_on_the_way(
        seed in any::<u64>(),
        max_flows in 1_u64..30,
        max_batch_flows in 1_u64..10,
    ) {
        let mut sidecar = Sidecar::new(config(max_flows, max_batch_flows), seed);
        let mut jitter = Jitter::new(seed);
        let sent = traffic(&mut sidecar, &mut jitter, 400);
        // The weather clears up; a last row makes sure that losses are reported.
        sidecar.run_ms(400_000);
        let totals = sidecar.filter.totals();
        prop_assert_eq!(sidecar.aggregator.bytes() + totals.lost_bytes, sent);
        prop_assert_eq!(sidecar.aggregator.lost_bytes, totals.lost_bytes);
        prop_assert!(sidecar.aggregator.folded_bytes <= totals.folded_bytes);
        prop_assert!(sidecar.aggregator.largest as u64 <= max_batch_flows);
        prop_assert!(sidecar.filter.is_settled());
        let rejections = sidecar
            .filter
            .take_notices()
            .iter()
            .filter(|notice| matches!(notice, Notice::Rejected { .. }))
            .count();
        prop_assert_eq!(rejections as u64, totals.batches_rejected);
        let other = sidecar.aggregator.totals.iter().filter(|(key, _)| key.2[0] == "_other");
        let other: u64 = other.map(|(_, (tx, rx))| tx + rx).sum();
        prop_assert_eq!(other, sidecar.aggregator.folded_bytes);
        for side in Reporter::ALL {
            prop_assert!(sidecar.aggregator.totals.keys().any(|key| key.0 == side));
        }
    }
}
