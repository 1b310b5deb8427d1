//! `Sides`: which side of a flow a stream is, and whether streams of that side count.

use flow_model::Reporter;

use super::stream::Stream;
use crate::config::Report;
use crate::identity::Attributes;

/// Envoy's `xds.listener_direction` of an inbound and an outbound listener
/// (envoy.config.core.v3.TrafficDirection).
const INBOUND: i64 = 1;
const OUTBOUND: i64 = 2;

/// What says a stream's side.
#[derive(Debug)]
pub(super) struct Sides {
    report: Report,
    /// The side of all streams; none if each listener says it.
    fixed: Option<Reporter>,
    is_direction_missing: bool,
    /// Whether a listener's direction was compared with what is fixed since the last tick.
    is_compared: bool,
    is_contradicted: bool,
}

impl Sides {
    /// All streams are of the side `fixed`, if it is given.
    pub fn new(report: Report, fixed: Option<Reporter>) -> Self {
        Self {
            report,
            fixed,
            is_direction_missing: false,
            is_compared: false,
            is_contradicted: false,
        }
    }

    /// Starts a stream as one of its side.
    pub fn start(&mut self, stream: &mut Stream, attributes: &dyn Attributes) {
        let side = match self.fixed {
            Some(fixed) => {
                // Not for each stream: it is to spare this read that a direction is fixed. But a
                // root may have several listeners.
                if !self.is_compared {
                    self.is_compared = true;
                    let listener = of_listener(attributes);
                    self.is_contradicted |= listener.is_some_and(|listener| listener != fixed);
                }
                Some(fixed)
            }
            None => of_listener(attributes),
        };
        self.is_direction_missing |= side.is_none();
        let side = side.unwrap_or(self.report.default_side());
        stream.start(side, self.report.includes(side));
    }

    /// Has the next stream's listener compared with what is fixed.
    pub fn compare_again(&mut self) {
        self.is_compared = false;
    }

    /// Whether a listener had another direction than the one that is fixed.
    pub fn is_contradicted(&self) -> bool {
        self.is_contradicted
    }

    /// Whether a stream's listener had no direction, and nothing else said it.
    pub fn is_direction_missing(&self) -> bool {
        self.is_direction_missing
    }
}

/// The side of a stream, as its listener's direction says; none if it has no direction.
fn of_listener(attributes: &dyn Attributes) -> Option<Reporter> {
    let value = attributes.property(&["xds", "listener_direction"])?;
    match <[u8; 8]>::try_from(value).map(i64::from_le_bytes) {
        Ok(INBOUND) => Some(Reporter::Destination),
        Ok(OUTBOUND) => Some(Reporter::Source),
        _ => None,
    }
}
