//! The audit: flows whose two sides did not report the same.

use std::cmp::Reverse;

use flow_model::{Counters, Hour};
use serde::Serialize;
use utoipa::ToSchema;

use super::Document;
use crate::store::first::First;
use crate::store::{ReadError, Row, Scan, Sides};

/// A flow whose sides disagree, or that one side alone has reported.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub(crate) struct AuditRow {
    /// The hour.
    #[schema(value_type = u32, format = Int64, maximum = 4_294_967_295_u64)]
    hour: Hour,
    /// The app that opened the connection.
    src_app: String,
    /// The app that was called.
    dest_app: String,
    /// The network.
    vpc_id: String,
    /// Who reported it: both sides, or one alone, whose other side may have no filter.
    #[schema(pattern = "^(both|source|destination)$")]
    reported_by: &'static str,
    /// `bytes_tx` as the source reported it.
    source_bytes_tx: u64,
    /// `bytes_rx` as the source reported it.
    source_bytes_rx: u64,
    /// `bytes_tx` as the destination reported it.
    destination_bytes_tx: u64,
    /// `bytes_rx` as the destination reported it.
    destination_bytes_rx: u64,
    /// By how much they differ, both directions together.
    difference_bytes: u128,
}

/// How many flows were looked at, and what was found.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct AuditTotal {
    /// All flows.
    flows: u64,
    /// Flows of which both sides reported the same.
    agreeing: u64,
    /// Flows of which they did not.
    disagreeing: u64,
    /// Flows that one side alone reported.
    one_sided: u64,
    /// By how much the disagreeing ones differ, all together.
    difference_bytes: u128,
}

/// The flows whose sides disagree the most, and a count of all.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Audit {
    /// Those with the largest difference first.
    rows: Vec<AuditRow>,
    /// Of all flows, listed or not.
    total: AuditTotal,
    /// Whether all that filters saw in the hour has arrived; null if that is not known any more.
    /// Only for a single hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    pub complete: Option<Option<bool>>,
}

/// Looks at the flows of a scan, and lists at most `limit` of those whose sides disagree; with
/// `one_sided`, also of those that one side alone has reported. Blocks.
///
/// # Errors
/// When the scan fails.
pub(crate) fn audit(
    scan: &mut dyn Scan,
    one_sided: bool,
    limit: usize,
) -> Result<Audit, ReadError> {
    let mut total = AuditTotal::default();
    let mut first = First::new(limit);
    while let Some(row) = scan.next()? {
        total.flows += 1;
        let difference_bytes = difference(&row.sides);
        let reported_by = reported_by(&row.sides);
        let is_listed = match reported_by {
            "both" if difference_bytes == 0 => {
                total.agreeing += 1;
                false
            }
            "both" => {
                total.disagreeing += 1;
                total.difference_bytes += difference_bytes;
                true
            }
            _ => {
                total.one_sided += 1;
                one_sided
            }
        };
        if is_listed {
            first.offer(Reverse(difference_bytes), || AuditRow::of(&row, reported_by));
        }
    }
    Ok(Audit { rows: first.into_vec(), total, complete: None })
}

/// What a side has reported no bytes of, it has not reported; what neither has, they agree on.
fn reported_by(Sides { source, destination }: &Sides) -> &'static str {
    match (source.is_zero(), destination.is_zero()) {
        (false, true) => "source",
        (true, false) => "destination",
        _ => "both",
    }
}

fn difference(Sides { source, destination }: &Sides) -> u128 {
    let of = |bytes: fn(Counters) -> u64| u128::from(bytes(*source).abs_diff(bytes(*destination)));
    of(Counters::bytes_tx) + of(Counters::bytes_rx)
}

impl AuditRow {
    fn of(row: &Row<'_>, reported_by: &'static str) -> Self {
        let Sides { source, destination } = row.sides;
        Self {
            hour: row.hour,
            src_app: row.key.src_app.to_string(),
            dest_app: row.key.dest_app.to_string(),
            vpc_id: row.key.vpc_id.to_string(),
            reported_by,
            source_bytes_tx: source.bytes_tx(),
            source_bytes_rx: source.bytes_rx(),
            destination_bytes_tx: destination.bytes_tx(),
            destination_bytes_rx: destination.bytes_rx(),
            difference_bytes: difference(&row.sides),
        }
    }
}

impl Document for Audit {
    type Row = AuditRow;
    const COLUMNS: &[&str] = &[
        "hour",
        "src_app",
        "dest_app",
        "vpc_id",
        "reported_by",
        "source_bytes_tx",
        "source_bytes_rx",
        "destination_bytes_tx",
        "destination_bytes_rx",
        "difference_bytes",
    ];

    fn rows(&self) -> &[AuditRow] {
        &self.rows
    }
}

#[cfg(test)]
mod tests {
    use flow_model::{FlowKey, Name};
    use proptest::prelude::*;

    use super::*;

    /// Flows of one hour: the counters of the source, and of the destination.
    struct Rows(std::vec::IntoIter<(usize, [u64; 4])>);

    impl Scan for Rows {
        fn next(&mut self) -> Result<Option<Row<'_>>, ReadError> {
            let Some((n, counters)) = self.0.next() else { return Ok(None) };
            let [source_tx, source_rx, dest_tx, dest_rx] = counters;
            let name = |text: String| Name::new(text).unwrap();
            let key = FlowKey {
                src_app: name(format!("app-{n:03}")),
                dest_app: name("d".to_owned()),
                vpc_id: name("v".to_owned()),
            };
            let source = Counters::new(source_tx, source_rx).unwrap();
            let destination = Counters::new(dest_tx, dest_rx).unwrap();
            Ok(Some(Row { hour: 1, key, sides: Sides { source, destination } }))
        }
    }

    fn audit_of(flows: &[[u64; 4]], one_sided: bool, limit: usize) -> Audit {
        let rows: Vec<_> = flows.iter().copied().enumerate().collect();
        audit(&mut Rows(rows.into_iter()), one_sided, limit).unwrap()
    }

    #[test]
    fn the_largest_difference_comes_first() {
        let most = i64::MAX as u64;
        let largest = 2 * u128::from(most - 1);
        let flows = [[5, 5, 5, 5], [5, 5, 4, 8], [most, 1, 1, most], [9, 0, 0, 0], [0, 0, 0, 0]];
        let found = audit_of(&flows, false, 9);
        let rows: Vec<_> =
            found.rows.iter().map(|row| (&*row.src_app, row.difference_bytes)).collect();
        assert_eq!(rows, [("app-002", largest), ("app-001", 4)]);
        let total = AuditTotal {
            flows: 5,
            agreeing: 2,
            disagreeing: 2,
            one_sided: 1,
            difference_bytes: largest + 4,
        };
        assert_eq!(found.total, total);
        let both = audit_of(&flows, true, 2);
        let by: Vec<_> = both.rows.iter().map(|row| row.reported_by).collect();
        assert_eq!((by.as_slice(), both.total), (&["both", "source"][..], total));
    }

    proptest! {
        #[test]
        fn a_bounded_audit_is_the_start_of_the_whole(
            flows in prop::collection::vec(prop::array::uniform4(0_u64..4), 0..40),
            one_sided in any::<bool>(),
            limit in 1_usize..9,
        ) {
            let found = audit_of(&flows, one_sided, limit);
            let mut expected: Vec<_> = flows.iter().enumerate().filter_map(|(n, [a, b, c, d])| {
                let is_one_sided = (a + b == 0) != (c + d == 0);
                let difference = u128::from(a.abs_diff(*c) + b.abs_diff(*d));
                let is_listed = difference > 0 && (one_sided || !is_one_sided);
                is_listed.then(|| (Reverse(difference), format!("app-{n:03}")))
            }).collect();
            expected.sort();
            expected.truncate(limit);
            let found: Vec<_> = found.rows.into_iter()
                .map(|row| (Reverse(row.difference_bytes), row.src_app))
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
