//! The record of one call: what was sent, what became of it on the way, what the guest saw.

use std::fmt;

use super::CallRequest;
use crate::{timeline::Thread, timestamp::Timestamp};

/// One call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CalloutRecord {
    /// Who made it.
    pub thread: Thread,
    /// The guest's token; 0 when the call was refused.
    pub token: u32,
    /// To which cluster.
    pub cluster: String,
    /// Headers and body.
    pub request: CallRequest,
    /// When it was made.
    pub sent_at: Timestamp,
    /// The name of the fault that it met, `none` when it met none.
    pub fault: &'static str,
    /// How often the backend got it, whatever the guest saw.
    pub deliveries: u32,
    /// What the backend answered the last time.
    pub delivered_status: Option<u16>,
    /// What the guest saw.
    pub outcome: Outcome,
}

/// What the guest saw of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Nothing yet.
    Pending,
    /// A response.
    Answered {
        /// Its `:status`.
        status: u16,
        /// When the callback ran.
        at: Timestamp,
    },
    /// A callback without headers.
    Reset {
        /// When the callback ran.
        at: Timestamp,
    },
    /// The host function itself failed.
    Refused {
        /// With this status code of the ABI.
        status_code: u32,
    },
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("not answered"),
            Self::Answered { status, at } => write!(f, "answered {status} at {at}"),
            Self::Reset { at } => write!(f, "reset at {at}"),
            Self::Refused { status_code } => write!(f, "refused with ABI status {status_code}"),
        }
    }
}

impl CalloutRecord {
    pub(crate) fn new(
        thread: Thread,
        token: u32,
        cluster: &str,
        request: CallRequest,
        sent_at: Timestamp,
    ) -> Self {
        Self {
            thread,
            token,
            cluster: cluster.to_owned(),
            request,
            sent_at,
            fault: "none",
            deliveries: 0,
            delivered_status: None,
            outcome: Outcome::Pending,
        }
    }

    /// The status that the guest saw, if it saw one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self.outcome {
            Outcome::Answered { status, .. } => Some(status),
            _ => None,
        }
    }
}
