//! `Notice`: what the operator should find in Envoy's log.

use std::fmt;

use log::Level;

use crate::config::Mode;
use crate::limits::MAX_SLOTS;
use crate::push::Why;

/// Something that happened, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A batch was delivered.
    Delivered {
        /// The batch's number.
        sequence: u64,
        /// How often it had to be sent.
        sends: u32,
    },
    /// A push failed and will be repeated.
    Retry {
        /// The batch's number.
        sequence: u64,
        /// How often it has been sent.
        sends: u32,
        /// What is known of why.
        why: Why,
        /// The time until then, in milliseconds.
        wait_ms: u64,
    },
    /// A batch was rejected, and its bytes are lost.
    Rejected {
        /// The batch's number.
        sequence: u64,
        /// The HTTP status.
        status: u16,
        /// What the aggregator said.
        reason: String,
        /// The bytes in the batch's flows.
        bytes: u64,
        /// How many batches in a row were rejected, with this one.
        times: u32,
    },
    /// A stream came through a listener without a direction.
    DirectionMissing {
        /// The side as which it counts.
        side: flow_model::Reporter,
    },
    /// A stream came through a listener with another direction than the configuration says.
    DirectionContradicted,
    /// The module stands where its mode does not belong, and counts nothing there.
    Misplaced {
        /// The configured mode.
        mode: Mode,
    },
    /// A filter behind this one holds data back, so that it is delivered again.
    HeldBack,
    /// Another instance has ended without a word, or stands still.
    Abandoned {
        /// The bytes that it had not delivered.
        bytes: u64,
    },
    /// If the VM traps, nobody will know what went with it.
    RegisterFull,
}

impl Notice {
    /// How much it matters. While an aggregator is away, or rejects everything, ever fewer of the
    /// many failures do.
    pub const fn level(&self) -> Level {
        match self {
            Self::Delivered { sends: 1, .. } => Level::Debug,
            Self::Delivered { .. } => Level::Info,
            Self::Retry { sends, .. } if !sends.is_power_of_two() => Level::Debug,
            Self::Retry { .. } | Self::DirectionMissing { .. } => Level::Warn,
            Self::HeldBack | Self::RegisterFull => Level::Warn,
            Self::Misplaced { .. } | Self::DirectionContradicted => Level::Error,
            Self::Rejected { times, .. } if !times.is_power_of_two() => Level::Debug,
            Self::Rejected { .. } | Self::Abandoned { .. } => Level::Error,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivered { sequence, sends } => {
                write!(f, "batch {sequence} was delivered, sent {sends} times")
            }
            Self::Retry { sequence, sends, why, wait_ms } => {
                write!(
                    f,
                    "batch {sequence}, sent {sends} times, is sent again in {wait_ms} ms: {why}"
                )
            }
            Self::Rejected { sequence, status, reason, bytes, .. } => write!(
                f,
                "batch {sequence} was rejected with status {status}, {bytes} bytes are lost: \
                 {reason}"
            ),
            Self::DirectionMissing { side } => write!(
                f,
                "a listener has no traffic_direction: its streams count as those of the {side} \
                 side; set it to INBOUND or OUTBOUND"
            ),
            Self::DirectionContradicted => f.write_str(
                "a listener's traffic_direction is not the direction of its filter's \
                 configuration, which is what counts: set one of them right",
            ),
            Self::Misplaced { mode: Mode::AccessLog } => f.write_str(
                "mode \"access_log\" is for access loggers (envoy.access_loggers.wasm): among \
                 filters, nothing is counted",
            ),
            Self::Misplaced { mode } => write!(
                f,
                "mode \"{}\" is for filters: an access logger counts nothing with it; set mode to \
                 \"access_log\"",
                mode.word()
            ),
            Self::HeldBack => f.write_str(
                "a filter behind this one holds data back, which Envoy then delivers again; what \
                 its content shows to be the same is counted once, but put this filter directly \
                 before tcp_proxy",
            ),
            Self::Abandoned { bytes } => write!(
                f,
                "an instance of this Envoy has stopped to tick, as one does whose VM has trapped: \
                 {bytes} bytes that it had not delivered are reported as lost"
            ),
            Self::RegisterFull => write!(
                f,
                "more than {MAX_SLOTS} instances of this Envoy have bytes to deliver: if the VM of \
                 this one traps, what goes with it is not counted"
            ),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "the answer was status {status}"),
            Self::NoReceipt(status) => {
                write!(f, "the answer was status {status}, without a receipt for this batch")
            }
            Self::Reset => f.write_str("the connection was reset, or the answer too large"),
            Self::NotSent => f.write_str("Envoy has no such cluster, or no endpoint in it"),
            Self::NoCallback => f.write_str("nothing came back in time"),
        }
    }
}
