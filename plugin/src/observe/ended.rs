//! The bytes of a stream that has ended, of which nothing was seen before: what an access logger
//! is told.

use crate::identity::Attributes;

/// The bytes of a whole stream: what the source has sent, and what came back, without the headers
/// and trailers of HTTP.
pub(super) fn bytes_of(attributes: &dyn Attributes) -> (u64, u64) {
    (received(attributes), integer(attributes, &["response", "size"]).unwrap_or(0))
}

/// What the source has sent. Envoy's `request.size` is what `content-length` says, where there is
/// one, and not what has come; `request.total_size` is what has come, with the headers. Most
/// requests have neither a body nor that header, and need no more than this one attribute.
fn received(attributes: &dyn Attributes) -> u64 {
    let claimed = integer(attributes, &["request", "size"]).unwrap_or(0);
    if claimed == 0 && attributes.request_header("content-length").is_none() {
        return 0;
    }
    let total = integer(attributes, &["request", "total_size"]).unwrap_or(claimed);
    total.saturating_sub(attributes.request_headers_bytes())
}

fn integer(attributes: &dyn Attributes, path: &[&str]) -> Option<u64> {
    let value = attributes.property(path)?;
    u64::try_from(i64::from_le_bytes(value.try_into().ok()?)).ok()
}
