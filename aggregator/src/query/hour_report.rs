//! What is known of an hour's completeness, as it is on the wire.

use flow_model::Hour;
use serde::Serialize;
use utoipa::ToSchema;

use super::rows::time_text;
use crate::store::completeness::{HourReport, Reason, Verdict, Witness};

/// Whether an hour is complete, and what keeps it from being so. What is told of instances is
/// not for readers that are limited to certain VPCs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HourCompleteness {
    /// The hour.
    #[schema(value_type = u32, format = Int64, maximum = 4_294_967_295_u64)]
    hour: Hour,
    /// Whether all that filters saw in the hour has arrived; null if that is not known any more.
    #[schema(required = true)]
    complete: Option<bool>,
    /// Why it is not complete; empty if it is.
    #[schema(value_type = Vec<String>)]
    reasons: Vec<&'static str>,
    /// How many instances there are of each kind, named or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    instances: Option<InstanceCounts>,
    /// Instances of which more may come, the furthest behind first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    outstanding: Option<Vec<WitnessRow>>,
    /// Instances that ended without notice, or that cannot reach us, the furthest behind first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    lost: Option<Vec<WitnessRow>>,
    /// Instances whose clock is wrong, and so their hours, the furthest off first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    skewed: Option<Vec<WitnessRow>>,
    /// Bytes that instances gave up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    lost_bytes: Option<u64>,
    /// Bytes that instances put into `_other` rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    folded_bytes: Option<u64>,
}

/// How many instances are what for an hour.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InstanceCounts {
    /// All that they saw has arrived.
    reported: i64,
    /// More may come.
    outstanding: i64,
    /// More may have been to come.
    lost: i64,
    /// They were lost before the hour began, and are taken for ended.
    lost_before: i64,
    /// Their clocks are wrong, whatever else.
    skewed: u64,
}

/// An instance.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WitnessRow {
    /// Its id.
    id: String,
    /// The watermark of its last batch, in milliseconds since the Unix epoch, by its own clock.
    watermark_ms: u64,
    /// When its last batch arrived, by the server's clock.
    #[schema(format = DateTime, required = true)]
    last_seen: Option<String>,
    /// How far its clock is ahead of the server's; null if it does not tell.
    #[schema(required = true)]
    clock_offset_ms: Option<i64>,
}

impl HourCompleteness {
    /// Whether an hour is complete and why not, and nothing else.
    pub fn without_instances(hour: Hour, verdict: &Verdict) -> Self {
        Self {
            hour,
            complete: verdict.complete,
            reasons: verdict.reasons.iter().copied().map(Reason::as_str).collect(),
            instances: None,
            outstanding: None,
            lost: None,
            skewed: None,
            lost_bytes: None,
            folded_bytes: None,
        }
    }

    /// All that is known of an hour.
    pub fn new(hour: Hour, report: HourReport) -> Self {
        let rows = |list: Vec<Witness>| Some(list.into_iter().map(WitnessRow::from).collect());
        Self {
            instances: Some(InstanceCounts {
                reported: report.counts.reported,
                outstanding: report.counts.outstanding,
                lost: report.counts.lost,
                lost_before: report.counts.lost_before,
                skewed: report.skewed_count,
            }),
            outstanding: rows(report.outstanding),
            lost: rows(report.lost),
            skewed: rows(report.skewed),
            lost_bytes: Some(report.loss.lost_bytes),
            folded_bytes: Some(report.loss.folded_bytes),
            ..Self::without_instances(hour, &report.verdict)
        }
    }
}

impl From<Witness> for WitnessRow {
    fn from(witness: Witness) -> Self {
        Self {
            id: witness.id,
            watermark_ms: witness.watermark_ms,
            last_seen: time_text(witness.last_seen_ms),
            clock_offset_ms: witness.clock_offset_ms,
        }
    }
}
