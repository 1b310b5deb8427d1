//! `Fault`: why a node did not do what it was asked, and what helps.

use redis::{ServerError, Value};

use super::topology::Address;

/// Why a node did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Another node serves the slot.
    Moved,
    /// Another node serves these keys already, while the slot moves.
    Ask(Address),
    /// It cannot at the moment, and may soon.
    Busy(String),
    /// The script is not known there.
    NoScript,
    /// It does not get better by itself.
    Refused(String),
}

impl Fault {
    /// What an error answer means.
    pub fn of(error: &ServerError) -> Self {
        let detail = error.details().unwrap_or_default();
        let told = || format!("{} {detail}", error.code()).trim_end().to_owned();
        match error.code() {
            "MOVED" | "READONLY" => Self::Moved,
            "ASK" => match detail.split(' ').nth(1) {
                Some(address) => Self::Ask(address.into()),
                None => Self::Busy(told()),
            },
            "NOSCRIPT" => Self::NoScript,
            "TRYAGAIN" | "CLUSTERDOWN" | "LOADING" | "MASTERDOWN" | "BUSY" | "NOREPLICAS" => {
                Self::Busy(told())
            }
            _ => Self::Refused(told()),
        }
    }

    /// The fault that an answer tells of, if it does.
    pub fn in_answer(value: &Value) -> Option<Self> {
        match value {
            Value::ServerError(error) => Some(Self::of(error)),
            _ => None,
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Moved => f.write_str("its slot has moved"),
            Self::Ask(_) => f.write_str("its slot is moving"),
            Self::NoScript => f.write_str("the script is not known"),
            Self::Busy(reason) | Self::Refused(reason) => f.write_str(reason),
        }
    }
}
