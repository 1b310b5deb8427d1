//! A client of reads: answers with their headers, and flows as tuples.

use serde_json::{Value, json};
use ureq::http::HeaderMap;

use crate::fas::{Fas, agent};

/// An answer, read whole.
#[derive(Debug)]
pub struct Read {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Hour, `src_app`, `dest_app`, `vpc_id`, `bytes_tx`, `bytes_rx`: in order, as the service orders.
pub type Row = (u32, String, String, String, u64, u64);

impl Read {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Asks for the format that the service gives by itself.
pub fn read(fas: &Fas, path: &str) -> Read {
    read_as(fas, path, "*/*")
}

pub fn read_as(fas: &Fas, path: &str, accept: &str) -> Read {
    let request = agent().get(fas.url(path)).header("accept", accept);
    let mut response = request.call().unwrap();
    Read {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap(),
    }
}

/// The flows of a document, or of the objects in an array.
pub fn rows(flows: &Value) -> Vec<Row> {
    let flows = flows.get("flows").unwrap_or(flows);
    flows.as_array().unwrap_or_else(|| panic!("{flows}")).iter().map(row).collect()
}

pub fn row(flow: &Value) -> Row {
    let text = |field: &str| flow[field].as_str().unwrap().to_owned();
    let number = |field: &str| flow[field].as_u64().unwrap();
    let hour = u32::try_from(number("hour")).unwrap();
    let [src_app, dest_app, vpc_id] = ["src_app", "dest_app", "vpc_id"].map(text);
    (hour, src_app, dest_app, vpc_id, number("bytes_tx"), number("bytes_rx"))
}

pub fn a_row(hour: u32, src: &str, dest: &str, vpc: &str, tx: u64, rx: u64) -> Row {
    (hour, src.to_owned(), dest.to_owned(), vpc.to_owned(), tx, rx)
}

/// Writes rows as they are.
pub fn write(fas: &Fas, rows: &[Row]) {
    let flow = |(hour, src_app, dest_app, vpc_id, tx, rx): &Row| {
        json!({"src_app": src_app, "dest_app": dest_app, "vpc_id": vpc_id,
               "bytes_tx": tx, "bytes_rx": rx, "hour": hour})
    };
    let body = Value::Array(rows.iter().map(flow).collect());
    let written = fas.post("/flows", body.to_string());
    assert_eq!(written.status, 200, "{written:?}");
}

/// A value as it stands in a query string.
pub fn encoded(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes()).collect()
}
