//! `Outcome`: what became of a push. Only a receipt that names the batch means that it was
//! delivered: Envoy answers requests, too, and a push that timed out may have been applied.

use flow_model::{Name, wire};

use crate::limits::{MAX_REASON_BYTES, RETRY_AFTER_CAP_S};

/// What came back of a push.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status; none if there were no headers.
    pub status: Option<u16>,
    /// The value of `retry-after`.
    pub retry_after: Option<String>,
    /// The body, or its start.
    pub body: Vec<u8>,
}

/// What became of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The aggregator has the batch.
    Delivered,
    /// It may have it or not; the same bytes go out again.
    Retry {
        /// What is known of why.
        why: Why,
        /// The wait that was asked for, in milliseconds; 0 if none was.
        at_least_ms: u64,
    },
    /// It will never take it.
    Rejected {
        /// The HTTP status.
        status: u16,
        /// What the answer says about it, fit for a log.
        reason: String,
    },
}

/// Why a push goes out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A status that does not settle the matter; also one that Envoy made.
    Status(u16),
    /// A success that does not name the batch: nobody knows who answered.
    NoReceipt(u16),
    /// The connection was reset, or the answer was too large.
    Reset,
    /// Envoy did not take the request.
    NotSent,
    /// Nothing came back in time.
    NoCallback,
}

impl Response {
    /// What this response means for the batch of this instance with this sequence.
    pub fn outcome(&self, instance: &Name<'_>, sequence: u64) -> Outcome {
        let Some(status) = self.status else { return retry(Why::Reset, 0) };
        match status {
            200..=299 if self.is_receipt(instance, sequence) => Outcome::Delivered,
            200..=299 => retry(Why::NoReceipt(status), 0),
            // RFC 9110, 15.5.9, and RFC 6585, 4: these two ask for another try. And who may not push
            // yet or any more (a token that is about to be known, say) has pushed nothing wrong.
            401 | 403 | 408 | 429 => retry(Why::Status(status), self.retry_after_ms()),
            400..=499 => Outcome::Rejected { status, reason: reason_of(&self.body) },
            _ => retry(Why::Status(status), self.retry_after_ms()),
        }
    }

    fn is_receipt(&self, instance: &Name<'_>, sequence: u64) -> bool {
        wire::decode_answer(&self.body)
            .is_ok_and(|answer| answer.instance == *instance && answer.sequence == sequence)
    }

    /// `retry-after` in seconds (RFC 9110, 10.2.3), capped. A date is not honoured: the two
    /// clocks may differ.
    fn retry_after_ms(&self) -> u64 {
        let text = self.retry_after.as_deref().unwrap_or_default().trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return 0;
        }
        text.parse::<u64>().unwrap_or(u64::MAX).min(RETRY_AFTER_CAP_S) * 1_000
    }
}

fn retry(why: Why, at_least_ms: u64) -> Outcome {
    Outcome::Retry { why, at_least_ms }
}

/// The start of an answer, in one printable line.
fn reason_of(body: &[u8]) -> String {
    let start = body.get(..MAX_REASON_BYTES).unwrap_or(body);
    let text = String::from_utf8_lossy(start);
    let text = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: u16, body: &str, retry_after: Option<&str>) -> Outcome {
        let retry_after = retry_after.map(str::to_owned);
        Response { status: Some(status), retry_after, body: body.into() }
            .outcome(&Name::new("me").unwrap(), 7)
    }

    const RECEIPT: &str = r#"{"instance":"me","sequence":7,"status":"duplicate"}"#;

    #[test]
    fn only_a_receipt_for_this_batch_is_a_delivery() {
        assert_eq!(outcome(200, RECEIPT, None), Outcome::Delivered);
        assert_eq!(outcome(202, RECEIPT, None), Outcome::Delivered);
        let others = [
            "",
            "ok",
            "{}",
            r#"{"instance":"me","sequence":8,"status":"applied"}"#,
            r#"{"instance":"you","sequence":7,"status":"applied"}"#,
            r#"{"instance":"me","sequence":7}"#,
        ];
        for body in others {
            assert_eq!(outcome(200, body, None), retry(Why::NoReceipt(200), 0), "{body}");
        }
        assert_eq!(outcome(503, RECEIPT, None), retry(Why::Status(503), 0));
    }

    #[test]
    fn only_a_batch_at_fault_is_a_rejection() {
        for status in [100, 301, 304, 401, 403, 408, 429, 500, 502, 503, 504, 599] {
            assert_eq!(outcome(status, "", None), retry(Why::Status(status), 0));
        }
        for status in [400, 404, 413, 415, 422, 499] {
            assert!(matches!(outcome(status, "", None), Outcome::Rejected { .. }), "{status}");
        }
        let reset = Response::default().outcome(&Name::new("me").unwrap(), 7);
        assert_eq!(reset, retry(Why::Reset, 0));
    }

    #[test]
    fn the_wait_asked_for_is_seconds_and_capped() {
        for (text, wait_ms) in [
            ("7", 7_000),
            (" 0 ", 0),
            ("301", 300_000),
            ("99999999999999999999999", 300_000),
            ("-1", 0),
            ("1.5", 0),
            ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ] {
            assert_eq!(outcome(503, "", Some(text)), retry(Why::Status(503), wait_ms), "{text}");
        }
    }

    #[test]
    fn a_reason_is_one_short_printable_line() {
        let Outcome::Rejected { reason, .. } = outcome(400, "bad\r\nnews\u{85}", None) else {
            panic!("not rejected")
        };
        assert_eq!(reason, "bad  news ");
        let long = "ß".repeat(MAX_REASON_BYTES);
        let Outcome::Rejected { reason, .. } = outcome(400, &format!("x{long}"), None) else {
            panic!("not rejected")
        };
        assert!(reason.len() <= MAX_REASON_BYTES && reason.ends_with('ß'), "{reason}");
    }
}
