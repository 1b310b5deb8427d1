//! The oracle `flows`: the one file that knows the flow filter's configuration and batches, and the
//! JSON of the aggregator that it pushes to. It knows nothing else of either.

use std::{borrow::Cow, collections::BTreeMap};

use host_sim::{
    CallRequest, CallResponse, Properties, StreamKind,
    mesh::{
        ledger::{Bytes, Row, Totals},
        oracle::{Oracle, Push, PushedRow, Read},
    },
};
use serde::Deserialize;
use serde_json::json;

/// The cluster of the aggregator in the filter's configuration.
const CLUSTER: &str = "flow_aggregator";

/// Where batches go.
const PATH: &str = "/v1/batches";

/// What begins a batch in the log of an Envoy that has ended.
const SPILL_MARK: &str = "flow_filter-spill-v1";

/// The flow filter and its aggregator.
pub(super) struct Flows {
    /// How long the filter waits between pushes, in milliseconds.
    pub(super) push_interval_ms: u64,
    /// The token for pushes and reads.
    pub(super) token: Option<String>,
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    instance: Cow<'a, str>,
    sequence: u64,
    watermark_ms: u64,
    lost_bytes: u64,
    #[serde(borrow)]
    hours: Vec<BatchHour<'a>>,
}

#[derive(Deserialize)]
struct BatchHour<'a> {
    hour: u32,
    #[serde(borrow)]
    flows: Vec<BatchFlow<'a>>,
}

#[derive(Deserialize)]
struct BatchFlow<'a>(
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    u64,
    u64,
);

#[derive(Deserialize)]
struct Receipt<'a> {
    #[serde(borrow)]
    instance: Cow<'a, str>,
    sequence: u64,
}

#[derive(Deserialize)]
struct Hours {
    hours: Vec<Hour>,
}

#[derive(Deserialize)]
struct Hour {
    hour: u32,
}

#[derive(Deserialize)]
struct Flow {
    src_app: String,
    dest_app: String,
    vpc_id: String,
    bytes_tx: u64,
    bytes_rx: u64,
    hour: u32,
}

impl Oracle for Flows {
    fn cluster(&self) -> &'static str {
        CLUSTER
    }

    fn configuration(&self, kind: StreamKind) -> String {
        let mut configuration = json!({
            "mode": match kind { StreamKind::Tcp => "tcp", StreamKind::Http => "http" },
            "report": "source",
            "identity": "envoy",
            "push": { "cluster": CLUSTER, "path": PATH, "interval_ms": self.push_interval_ms },
        });
        if let (Some(token), Some(push)) = (&self.token, configuration.get_mut("push")) {
            *push = merged(push, "bearer_token", token);
        }
        configuration.to_string()
    }

    fn metadata(&self, app: &str, network: &str) -> Properties {
        Properties::new().with(&["app"], app).with(&["vpc_id"], network)
    }

    fn read<'a>(&self, request: &'a CallRequest) -> Result<Push<'a>, String> {
        let batch: Batch<'a> =
            serde_json::from_slice(&request.body).map_err(|error| error.to_string())?;
        let rows = batch.hours.into_iter().flat_map(|BatchHour { hour, flows }| {
            flows.into_iter().map(move |BatchFlow(source, destination, network, tx, rx)| {
                PushedRow { hour, source, destination, network, bytes: Bytes { tx, rx } }
            })
        });
        Ok(Push {
            sender: batch.instance,
            number: batch.sequence,
            complete_until_ms: batch.watermark_ms,
            given_up_bytes: batch.lost_bytes,
            rows: rows.collect(),
        })
    }

    fn has_accepted(&self, push: &Push<'_>, answer: &CallResponse) -> bool {
        let is_success = answer.status().is_some_and(|status| (200..300).contains(&status));
        is_success
            && serde_json::from_slice::<Receipt<'_>>(&answer.body).is_ok_and(|receipt| {
                receipt.instance == push.sender && receipt.sequence == push.number
            })
    }

    fn left_behind(&self, line: &str) -> Option<CallRequest> {
        let batch = line.strip_prefix(SPILL_MARK)?.trim_start();
        let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        let mut headers = vec![
            pair(":method", "POST"),
            pair(":path", PATH),
            pair(":authority", CLUSTER),
            pair("content-type", "application/json"),
        ];
        if let Some(token) = &self.token {
            headers.push(pair("authorization", &format!("Bearer {token}")));
        }
        let body = batch.as_bytes().to_vec();
        Some(CallRequest { headers, body, trailers: Vec::new() })
    }

    fn totals(&self, read: &Read<'_>) -> Result<Totals, String> {
        let hours = self.get(read, "/v1/hours", "application/json")?;
        let hours: Hours = serde_json::from_slice(&hours).map_err(|error| error.to_string())?;
        let mut totals = BTreeMap::new();
        for Hour { hour } in hours.hours {
            let path = format!("/v1/flows?hour={hour}");
            let lines = self.get(read, &path, "application/x-ndjson")?;
            for flow in serde_json::Deserializer::from_slice(&lines).into_iter::<Flow>() {
                let flow = flow.map_err(|error| format!("{path}: {error}"))?;
                let bytes = Bytes { tx: flow.bytes_tx, rx: flow.bytes_rx };
                totals.insert(row(flow), bytes);
            }
        }
        Ok(totals)
    }
}

impl Flows {
    fn get(&self, read: &Read<'_>, path: &str, accept: &str) -> Result<Vec<u8>, String> {
        let token = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let token = token.as_ref().map(|token| ("authorization", token.as_str()));
        let headers: Vec<_> =
            [(":authority", CLUSTER), ("accept", accept)].into_iter().chain(token).collect();
        read(path, &headers)
    }
}

fn row(flow: Flow) -> Row {
    let Flow { src_app, dest_app, vpc_id, hour, .. } = flow;
    Row { hour, source: src_app, destination: dest_app, network: vpc_id }
}

fn merged(object: &serde_json::Value, name: &str, value: &str) -> serde_json::Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value.into());
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: &str = r#"{"version":1,"instance":"a/1","sequence":3,"reporter":"source",
        "watermark_ms":1764000123456,"lost_bytes":7,"folded_bytes":0,"ended":true,
        "hours":[{"hour":490000,"flows":[["front\"end","backend","vpc-1",100,200]]}]}"#;

    fn flows() -> Flows {
        Flows { push_interval_ms: 5000, token: Some("secret".to_owned()) }
    }

    #[test]
    fn a_batch_is_read_and_its_receipt_known() {
        let request = CallRequest { body: BATCH.into(), ..CallRequest::default() };
        let push = flows().read(&request).unwrap();
        assert_eq!((push.sender.as_ref(), push.number, push.given_up_bytes), ("a/1", 3, 7));
        let bytes = Bytes { tx: 100, rx: 200 };
        let row = push.rows.first().unwrap();
        assert_eq!((row.source.as_ref(), row.hour, row.bytes), ("front\"end", 490_000, bytes));
        let answer = |status, body: &str| CallResponse::new(status, &[], body.as_bytes());
        for (answer, expected) in [
            (answer(200, r#"{"instance":"a/1","sequence":3,"status":"duplicate"}"#), true),
            (answer(200, r#"{"instance":"a/1","sequence":2,"status":"applied"}"#), false),
            (answer(200, r#"{"instance":"a/2","sequence":3,"status":"applied"}"#), false),
            (answer(503, r#"{"instance":"a/1","sequence":3,"status":"applied"}"#), false),
            (answer(200, ""), false),
        ] {
            assert_eq!(flows().has_accepted(&push, &answer), expected, "{answer:?}");
        }
    }

    #[test]
    fn what_the_log_leaves_behind_is_the_batch_itself() {
        let request = flows().left_behind(&format!("{SPILL_MARK}{BATCH}")).unwrap();
        assert_eq!(request.body, BATCH.as_bytes());
        assert_eq!(request.header("authorization").unwrap(), "Bearer secret");
        assert!(flows().left_behind("flow_filter: a push is repeated").is_none());
    }
}
