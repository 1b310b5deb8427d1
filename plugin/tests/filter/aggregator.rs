//! A fake aggregator: it applies each batch once, as the real one does, and checks what every
//! aggregator may rely on.

use std::collections::BTreeMap;

use flow_filter::push::Response;
use flow_model::{Answer, Batch, Name, Reporter, Status, wire};

/// A row's side, hour, and names.
pub type Key = (Reporter, u32, [String; 3]);

/// What became of a request on its way, besides the answer of the aggregator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: the answer comes back.
    None,
    /// It was applied, but the answer was lost on the way: Envoy says 504.
    LostAnswer,
    /// It was applied, and nothing ever comes back.
    Silence,
    /// The connection broke before the aggregator saw it: no headers.
    Reset,
    /// Somebody on the way answers in the aggregator's place.
    Status(u16),
    /// The aggregator refuses it for good.
    Rejected,
}

/// What an aggregator keeps.
#[derive(Default)]
pub struct Aggregator {
    /// The sums of all rows.
    pub totals: BTreeMap<Key, (u64, u64)>,
    /// The losses that batches reported.
    pub lost_bytes: u64,
    /// The bytes that batches reported as folded.
    pub folded_bytes: u64,
    /// The last watermark.
    pub watermark_ms: u64,
    /// The most rows of a batch.
    pub largest: usize,
    last_sequence: u64,
    bodies: BTreeMap<u64, Vec<u8>>,
}

impl Aggregator {
    /// Takes in a request, and says what comes back, if anything does.
    pub fn post(&mut self, body: &[u8], fault: Fault) -> Option<Response> {
        let batch = wire::decode_batch(body).expect("a well-formed batch");
        let sent = self.bodies.entry(batch.sequence).or_insert_with(|| body.to_vec());
        assert_eq!(sent, body, "batch {} was sent again with other bytes", batch.sequence);
        match fault {
            Fault::Reset => Some(Response::default()),
            Fault::Status(status) => {
                let retry_after = (status == 429).then(|| "2".to_owned());
                Some(Response { status: Some(status), retry_after, body: Vec::new() })
            }
            // What it has applied, it knows again, and does not refuse.
            Fault::Rejected if batch.sequence > self.last_sequence => {
                let body = br#"{"title":"no"}"#.to_vec();
                Some(Response { status: Some(400), retry_after: None, body })
            }
            Fault::None | Fault::Rejected => Some(self.apply(&batch)),
            Fault::LostAnswer => {
                self.apply(&batch);
                Some(Response { status: Some(504), ..Response::default() })
            }
            Fault::Silence => {
                self.apply(&batch);
                None
            }
        }
    }

    fn apply(&mut self, batch: &Batch<'_>) -> Response {
        let status = if batch.sequence > self.last_sequence {
            self.add(batch);
            Status::Applied
        } else {
            assert_eq!(batch.sequence, self.last_sequence, "a batch from before the last one");
            Status::Duplicate
        };
        let instance = Name::new(batch.instance.as_str()).unwrap();
        let answer = Answer { instance, sequence: batch.sequence, status };
        Response { status: Some(200), retry_after: None, body: wire::encode_answer(&answer) }
    }

    fn add(&mut self, batch: &Batch<'_>) {
        self.last_sequence = batch.sequence;
        assert!(batch.watermark_ms >= self.watermark_ms, "the watermark went back");
        self.watermark_ms = batch.watermark_ms;
        self.lost_bytes += batch.lost_bytes;
        self.folded_bytes += batch.folded_bytes;
        self.largest = self.largest.max(batch.flows.len());
        let mut seen = Vec::new();
        for flow in &batch.flows {
            let names = [&flow.key.src_app, &flow.key.dest_app, &flow.key.vpc_id];
            let key = (batch.reporter, flow.hour, names.map(ToString::to_string));
            assert!(!seen.contains(&key), "a key twice in a batch");
            let row = self.totals.entry(key.clone()).or_default();
            row.0 += flow.counters.bytes_tx();
            row.1 += flow.counters.bytes_rx();
            seen.push(key);
        }
    }

    /// All bytes of all rows.
    pub fn bytes(&self) -> u64 {
        self.totals.values().map(|(tx, rx)| tx + rx).sum()
    }

    /// The row of a side, an hour and `src_app`, whoever was called.
    pub fn row(&self, side: Reporter, hour: u32, names: [&str; 3]) -> (u64, u64) {
        let key = (side, hour, names.map(str::to_owned));
        self.totals.get(&key).copied().unwrap_or_default()
    }
}
