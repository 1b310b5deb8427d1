//! What reads other than those of flows answer: the rows and the documents around them, as they
//! are on the wire.

use flow_model::Hour;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Document;
use crate::store::{Group, GroupBy, Instance, Summary, Totals};

const HOUR_SECONDS: i64 = 3_600;

/// What stands in the fields of the row that sums up the groups beyond the limit.
const REST: &str = "_rest";

/// An hour and its totals.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HourRow {
    /// The hour.
    #[schema(value_type = u32, format = Int64, maximum = 4_294_967_295_u64)]
    hour: Hour,
    /// When it begins, if hours are counted from the Unix epoch; null beyond the year 9999.
    #[schema(format = DateTime, required = true)]
    start: Option<String>,
    /// How many flows it has.
    flows: u64,
    /// Bytes from sources to destinations.
    bytes_tx: u128,
    /// Bytes from destinations to sources.
    bytes_rx: u128,
    /// Both directions together.
    bytes_total: u128,
    /// Whether all that filters saw in the hour has arrived; null if that is not known any more.
    #[schema(required = true)]
    complete: Option<bool>,
}

impl HourRow {
    /// The totals of an hour, and whether it is complete.
    pub fn new(hour: Hour, totals: &Totals, complete: Option<bool>) -> Self {
        let start = Timestamp::from_second(i64::from(hour) * HOUR_SECONDS);
        Self {
            hour,
            start: start.ok().map(|start| start.to_string()),
            flows: totals.flows,
            bytes_tx: totals.bytes_tx,
            bytes_rx: totals.bytes_rx,
            bytes_total: totals.bytes_total(),
            complete,
        }
    }
}

/// The hours that have flows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Hours {
    /// In order.
    pub hours: Vec<HourRow>,
}

/// A value for autocompletion.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Hint {
    /// The value.
    value: String,
    /// The bytes of its flows, in both directions.
    bytes_total: u128,
}

/// Values of a field.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Hints {
    /// Those with the most bytes first.
    hints: Vec<Hint>,
}

impl Hints {
    /// The values of a summary by one name.
    pub fn new(summary: Summary) -> Self {
        let hint = |group: Group| {
            let value = group.key.names.into_iter().flatten().next()?;
            Some(Hint { value: value.into(), bytes_total: group.totals.bytes_total() })
        };
        Self { hints: summary.groups.into_iter().filter_map(hint).collect() }
    }
}

/// An instance: what it has delivered so far.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InstanceRow {
    /// Its id.
    pub id: String,
    /// The sequence of its last batch.
    sequence: u64,
    /// The side of its last batch.
    #[schema(pattern = "^(source|destination)$")]
    reporter: &'static str,
    /// The watermark of its last batch, in milliseconds since the Unix epoch, by its own clock.
    watermark_ms: u64,
    /// Bytes that it reported lost, in all.
    lost_bytes: u64,
    /// Bytes that it folded into `_other` rows, in all.
    folded_bytes: u64,
    /// When its last batch arrived, by the server's clock.
    #[schema(format = DateTime, required = true)]
    last_seen: Option<String>,
    /// The first hour that it reported, or could have; 0 if that was not noted.
    #[schema(value_type = u32, format = Int64, maximum = 4_294_967_295_u64)]
    first_hour: Hour,
    /// Whether it has ended, and said so.
    ended: bool,
    /// How far its clock was ahead of the server's when its last batch arrived; negative when it
    /// was behind, null if it does not tell.
    #[schema(required = true)]
    clock_offset_ms: Option<i64>,
}

/// A time in milliseconds since the Unix epoch.
pub(super) fn time_text(time_ms: u64) -> Option<String> {
    let time = Timestamp::from_millisecond(i64::try_from(time_ms).ok()?).ok()?;
    Some(format!("{time:.3}"))
}

impl From<Instance> for InstanceRow {
    fn from(instance: Instance) -> Self {
        let Instance { id, progress } = instance;
        Self {
            id,
            sequence: progress.sequence,
            reporter: progress.reporter.as_str(),
            watermark_ms: progress.watermark_ms,
            lost_bytes: progress.lost_bytes,
            folded_bytes: progress.folded_bytes,
            last_seen: time_text(progress.last_seen_ms),
            first_hour: progress.first_hour,
            ended: progress.ended,
            clock_offset_ms: progress.clock_offset_ms,
        }
    }
}

/// A page of instances.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Instances {
    /// In order of their ids.
    pub instances: Vec<InstanceRow>,
    /// Gives the next page; null on the last.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

/// Sums of a group of flows, or of all the groups beyond the limit. It has the fields that were
/// grouped by.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct SummaryRow {
    /// The app that opened the connections; `_rest` in the last row.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    src_app: Option<String>,
    /// The app that was called; `_rest` in the last row.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    dest_app: Option<String>,
    /// The network; `_rest` in the last row.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    vpc_id: Option<String>,
    /// The hour; null in the last row.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, format = Int64, maximum = 4_294_967_295_u64)]
    hour: Option<Option<Hour>>,
    /// Bytes from sources to destinations.
    bytes_tx: u128,
    /// Bytes from destinations to sources.
    bytes_rx: u128,
    /// Both directions together.
    bytes_total: u128,
    /// How many flows.
    flows: u64,
    /// How many groups: 1, and in the last row any number.
    groups: u64,
}

impl SummaryRow {
    fn group(group: Group) -> Self {
        let [src_app, dest_app, vpc_id] = group.key.names.map(|name| name.map(String::from));
        let hour = group.key.hour.map(Some);
        Self { src_app, dest_app, vpc_id, hour, ..Self::sums(&group.totals, 1) }
    }

    fn rest(summary: &Summary, group_by: GroupBy) -> Self {
        let [src_app, dest_app, vpc_id] =
            group_by.names.map(|grouped| grouped.then(|| REST.to_owned()));
        let hour = group_by.hour.then_some(None);
        let sums = Self::sums(&summary.rest, summary.rest_groups);
        Self { src_app, dest_app, vpc_id, hour, ..sums }
    }

    fn sums(totals: &Totals, groups: u64) -> Self {
        Self {
            bytes_tx: totals.bytes_tx,
            bytes_rx: totals.bytes_rx,
            bytes_total: totals.bytes_total(),
            flows: totals.flows,
            groups,
            ..Self::default()
        }
    }
}

/// The whole that the rows of a summary add up to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SummaryTotal {
    /// Bytes from sources to destinations.
    bytes_tx: u128,
    /// Bytes from destinations to sources.
    bytes_rx: u128,
    /// Both directions together.
    bytes_total: u128,
    /// How many flows.
    flows: u64,
    /// How many groups.
    groups: u64,
}

/// The largest groups, the rest, and the whole.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SummaryReport {
    /// The largest groups, the largest first, and at last the rest, also when it is nothing.
    rows: Vec<SummaryRow>,
    /// The sums of the rows.
    total: SummaryTotal,
    /// Whether all that filters saw in the hour has arrived; null if that is not known any more.
    /// Only for a single hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    pub complete: Option<Option<bool>>,
}

impl SummaryReport {
    /// A summary by these fields.
    pub fn new(summary: Summary, group_by: GroupBy) -> Self {
        let totals = summary.total();
        let total = SummaryTotal {
            bytes_tx: totals.bytes_tx,
            bytes_rx: totals.bytes_rx,
            bytes_total: totals.bytes_total(),
            flows: totals.flows,
            groups: summary.groups.len() as u64 + summary.rest_groups,
        };
        let rest = SummaryRow::rest(&summary, group_by);
        let groups = summary.groups.into_iter().map(SummaryRow::group);
        Self { rows: groups.chain([rest]).collect(), total, complete: None }
    }
}

impl Document for Hours {
    type Row = HourRow;
    const COLUMNS: &[&str] =
        &["hour", "start", "flows", "bytes_tx", "bytes_rx", "bytes_total", "complete"];

    fn rows(&self) -> &[HourRow] {
        &self.hours
    }
}

impl Document for Hints {
    type Row = Hint;
    const COLUMNS: &[&str] = &["value", "bytes_total"];

    fn rows(&self) -> &[Hint] {
        &self.hints
    }
}

impl Document for Instances {
    type Row = InstanceRow;
    const COLUMNS: &[&str] = &[
        "id",
        "sequence",
        "reporter",
        "watermark_ms",
        "lost_bytes",
        "folded_bytes",
        "last_seen",
        "first_hour",
        "ended",
        "clock_offset_ms",
    ];

    fn rows(&self) -> &[InstanceRow] {
        &self.instances
    }
}

impl Document for SummaryReport {
    type Row = SummaryRow;
    // There is always a row.
    const COLUMNS: &[&str] = &[];

    fn rows(&self) -> &[SummaryRow] {
        &self.rows
    }
}
