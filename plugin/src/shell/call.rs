//! The push as Envoy's HTTP call: the request that goes out, and the response that comes back.

use std::time::Duration;

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, MapType, Status};

use super::host;
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
    let clock = (host::now_ns() / NANOSECONDS_PER_MS).to_string();
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
    let timeout = Duration::from_millis(push.timeout_ms);
    hostcalls::dispatch_http_call(&push.cluster, headers, Some(body), Vec::new(), timeout)
}

/// Reads the response whose callback is running. Without headers, reading one would panic.
pub(super) fn response(num_headers: usize, body_size: usize) -> Response {
    if num_headers == 0 {
        return Response::default();
    }
    let size = body_size.min(MAX_ANSWER_BYTES);
    let body = if size > 0 {
        hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, size).ok().flatten()
    } else {
        None
    };
    Response {
        status: header(":status").and_then(|status| status.parse().ok()),
        retry_after: header("retry-after"),
        body: body.unwrap_or_default(),
    }
}

fn header(name: &str) -> Option<String> {
    let value = hostcalls::get_map_value_bytes(MapType::HttpCallResponseHeaders, name);
    String::from_utf8(value.ok()??).ok()
}
