//! What can go wrong with a call. Each fault says how often the backend gets the request and what
//! the guest sees, which are different things: a timed-out request may have been applied.

use serde::Deserialize;

use super::{
    CallRequest,
    reply::{CallResponse, Reply},
};

/// How one call goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fault {
    /// It reaches the backend, whose answer reaches the guest.
    #[default]
    None,
    /// The backend never gets it; the guest sees this answer.
    Reply(Reply),
    /// The backend never gets it; the guest sees this status and no body.
    Status(u16),
    /// The backend never gets it; the guest sees a 504 when its timeout has passed.
    Timeout,
    /// The backend gets it, but the guest sees a 504 when its timeout has passed.
    TimeoutButDelivered,
    /// The backend never gets it; the guest's callback has no headers.
    Reset,
    /// The backend gets it, but the guest's callback has no headers.
    ResetButDelivered,
    /// The backend gets it twice; the guest sees the last answer.
    Duplicate,
    /// The connection is refused: the guest sees Envoy's 503.
    Refused,
    /// The host function fails with `BAD_ARGUMENT`.
    BadArgument,
    /// The host function fails with `INTERNAL_FAILURE`.
    InternalFailure,
}

impl Fault {
    /// Its name, as scenarios write it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Reply(_) => "reply",
            Self::Status(_) => "status",
            Self::Timeout => "timeout",
            Self::TimeoutButDelivered => "timeout_but_delivered",
            Self::Reset => "reset",
            Self::ResetButDelivered => "reset_but_delivered",
            Self::Duplicate => "duplicate",
            Self::Refused => "refused",
            Self::BadArgument => "bad_argument",
            Self::InternalFailure => "internal_failure",
        }
    }

    /// How often the backend gets the request.
    pub(crate) fn deliveries(&self) -> u32 {
        match self {
            Self::None | Self::TimeoutButDelivered | Self::ResetButDelivered => 1,
            Self::Duplicate => 2,
            _ => 0,
        }
    }

    /// Whether the guest sees what the backend answered.
    pub(crate) fn passes_answer(&self) -> bool {
        matches!(self, Self::None | Self::Duplicate)
    }

    /// Whether the guest waits until its own timeout.
    pub(crate) fn waits_for_timeout(&self) -> bool {
        matches!(self, Self::Timeout | Self::TimeoutButDelivered)
    }

    /// What the guest sees, given what the backend answered.
    pub(crate) fn response(
        &self,
        delivered: Option<CallResponse>,
        request: &CallRequest,
    ) -> CallResponse {
        match self {
            Self::None | Self::Duplicate => delivered.unwrap_or_else(CallResponse::reset),
            Self::Reply(reply) => reply.answer(request),
            Self::Status(status) => CallResponse::new(*status, &[], b""),
            Self::Timeout | Self::TimeoutButDelivered => CallResponse::timeout(),
            Self::Refused => CallResponse::refused(),
            Self::Reset | Self::ResetButDelivered | Self::BadArgument | Self::InternalFailure => {
                CallResponse::reset()
            }
        }
    }
}
