//! `Page`: a bounded number of flows, and where the next page begins.

use flow_model::{Flow, FlowKey};

use super::Format;
use super::encode::encoder;
use crate::store::{Position, ReadError, Row, Scan};

/// Some flows in a format.
pub(crate) struct Page {
    /// The encoded flows; in JSON, an array.
    pub body: Vec<u8>,
    /// The last flow, if there are more after it.
    pub next: Option<Position>,
}

/// Makes a page of the first `rows` of a scan, appending to `body`. Blocks; the scan should give
/// one row more than fits, so that it is known whether there are more.
///
/// # Errors
/// When the scan fails, or the format cannot be written.
pub(crate) fn page(
    scan: &mut dyn Scan,
    format: Format,
    rows: usize,
    mut body: Vec<u8>,
) -> Result<Page, ReadError> {
    let mut encoder = encoder(format)?;
    encoder.begin(&mut body)?;
    let (mut taken, mut last) = (0, None);
    while taken < rows {
        let Some(row) = scan.next()? else { break };
        taken += 1;
        if taken == rows {
            last = Some(position(&row));
        }
        let flow = Flow { key: row.key, hour: row.hour, counters: row.sides.reconciled() };
        encoder.flow(&flow, &mut body)?;
    }
    let has_more = last.is_some() && scan.next()?.is_some();
    encoder.end(&mut body)?;
    Ok(Page { body, next: last.filter(|_| has_more) })
}

fn position(row: &Row<'_>) -> Position {
    let FlowKey { src_app, dest_app, vpc_id } = &row.key;
    let [src_app, dest_app, vpc_id] =
        [src_app, dest_app, vpc_id].map(|name| name.by_ref().into_owned());
    Position { hour: row.hour, key: FlowKey { src_app, dest_app, vpc_id } }
}
