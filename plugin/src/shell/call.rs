//! The push as Envoy's HTTP call: the request that goes out, and the response that comes back.

use super::abi::{self, Buffer, Map, Status};
use crate::config::PushConfig;
use crate::limits::MAX_ANSWER_BYTES;
use crate::push::Response;

/// Our clock as the batch is sent, in milliseconds since the Unix epoch: from it the aggregator sees
/// whether the clock is wrong. A header, since the body of a resend must be the very same.
const SENDER_CLOCK: &str = "sender-clock-ms";

const NANOSECONDS_PER_MS: u64 = 1_000_000;

/// Sends a batch and returns the call's token.
pub(super) fn post(push: &PushConfig, body: &[u8]) -> Result<u32, Status> {
    let authorization = push.bearer_token.as_ref().map(|token| token.authorization());
    let clock = (abi::now_ns() / NANOSECONDS_PER_MS).to_string();
    let mut headers = vec![
        (":method", "POST"),
        (":path", push.path.as_str()),
        (":authority", push.authority.as_str()),
        ("content-type", "application/json"),
        (SENDER_CLOCK, clock.as_str()),
    ];
    if let Some(value) = &authorization {
        headers.push(("authorization", value));
    }
    let timeout_ms = u32::try_from(push.timeout_ms).unwrap_or(u32::MAX);
    abi::http_call(&push.cluster, &headers, body, timeout_ms)
}

/// Reads the response whose callback is running. Without headers, there is no map to read.
pub(super) fn response(num_headers: usize, body_size: usize) -> Response {
    if num_headers == 0 {
        return Response::default();
    }
    let size = body_size.min(MAX_ANSWER_BYTES);
    let body = if size > 0 { abi::buffer(Buffer::HttpCallResponseBody, 0, size) } else { None };
    Response {
        status: header(":status").and_then(|status| status.parse().ok()),
        retry_after: header("retry-after"),
        body: body.unwrap_or_default(),
    }
}

fn header(name: &str) -> Option<String> {
    String::from_utf8(abi::header(Map::HttpCallResponseHeaders, name)?).ok()
}
