//! `Refusal`: an answer that says no, with what its problem document says (RFC 9457).

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use ureq::http::StatusCode;

/// An answer with a status other than 2xx.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The status code.
    pub status: u16,
    /// What the server says about it.
    pub problem: Problem,
    /// When the server wants to be asked again.
    pub retry_after: Option<Duration>,
}

/// The members of a problem document that say what was wrong; a body that is none has none.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
pub(super) struct Problem {
    /// What was wrong.
    pub detail: Option<String>,
    /// The position of the flow at fault in the request, from 0.
    pub index: Option<u64>,
    /// The field or parameter at fault.
    pub field: Option<String>,
}

impl Refusal {
    /// From an answer's status, body, and `retry-after` header.
    pub fn new(status: u16, body: &[u8], retry_after: Option<&str>) -> Self {
        // Proxies in between make answers of their own, in HTML or nothing.
        let problem = serde_json::from_slice(body).unwrap_or_default();
        // The other form of the header, a date, is what no aggregator sends.
        let seconds = retry_after.and_then(|text| text.trim().parse().ok());
        Self { status, problem, retry_after: seconds.map(Duration::from_secs) }
    }

    /// Whether it is about who asks, not about what is asked.
    pub fn is_about_access(&self) -> bool {
        matches!(self.status, 401 | 403)
    }

    /// Whether another request of the same client may be answered otherwise: it is neither about
    /// who asks, nor a server that is busy or at fault.
    pub fn is_about_what_is_asked(&self) -> bool {
        (400..500).contains(&self.status) && self.status != 401 && !self.is_transient()
    }

    /// Whether the same request may be answered otherwise later. 502 and 504 come from a proxy
    /// in between.
    pub fn is_transient(&self) -> bool {
        matches!(self.status, 408 | 429 | 502 | 503 | 504)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = StatusCode::from_u16(self.status).ok();
        let reason = status.and_then(|status| status.canonical_reason()).unwrap_or("an error");
        write!(f, "the server says {} {reason}", self.status)?;
        if let Some(detail) = &self.problem.detail {
            write!(f, ": {detail}")?;
        }
        let index = self.problem.index.map(|index| format!("index {index}"));
        let field = self.problem.field.as_ref().map(|field| format!("field {field}"));
        match (index, field) {
            (Some(index), Some(field)) => write!(f, " ({index}, {field})"),
            (Some(one), None) | (None, Some(one)) => write!(f, " ({one})"),
            (None, None) => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_one_line_with_all_that_the_server_said() {
        let body = br#"{"title":"Bad Request","status":400,"detail":"too small","index":3,"field":"hour"}"#;
        let refusal = Refusal::new(400, body, None);
        assert_eq!(
            refusal.to_string(),
            "the server says 400 Bad Request: too small (index 3, field hour)"
        );
        let parameter = Refusal::new(400, br#"{"detail":"no","field":"from"}"#, None);
        assert!(parameter.to_string().ends_with(": no (field from)"), "{parameter}");
        let proxy = Refusal::new(502, b"<html>", None);
        assert_eq!(proxy.to_string(), "the server says 502 Bad Gateway");
    }

    #[test]
    fn what_may_change_is_transient_and_says_when() {
        let busy = Refusal::new(503, b"", Some("7"));
        assert_eq!((busy.is_transient(), busy.retry_after), (true, Some(Duration::from_secs(7))));
        let date = Refusal::new(429, b"", Some("Fri, 31 Dec 1999 23:59:59 GMT"));
        assert_eq!((date.is_transient(), date.retry_after), (true, None));
        for status in [400, 401, 403, 404, 409, 413, 422, 500] {
            assert!(!Refusal::new(status, b"", None).is_transient(), "{status}");
        }
        for status in 400..600 {
            let is_about_it = !matches!(status, 401 | 408 | 429 | 500..);
            assert_eq!(Refusal::new(status, b"", None).is_about_what_is_asked(), is_about_it);
        }
    }
}
