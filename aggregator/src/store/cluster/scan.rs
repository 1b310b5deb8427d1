//! `RowScan`: the rows of a read in order of hour and key. A task reads ahead, source by source,
//! and holds no more than a few of them.

use std::sync::Arc;
use std::vec::IntoIter;

use flow_model::{FlowKey, Hour};
use tokio::sync::mpsc;
use tokio::task::block_in_place;

use super::layout::Source;
use super::net::Net;
use super::read::{self, SourceOfHour, damaged};
use crate::limits::SCAN_SOURCES;
use crate::store::{Position, ReadError, Row, Scan, Selection, Sides};

type OwnedRow = (Hour, FlowKey<'static>, Sides);

/// The rows of a read.
pub(super) struct RowScan {
    rows: IntoIter<OwnedRow>,
    more: mpsc::Receiver<Result<Vec<OwnedRow>, ReadError>>,
    current: Option<OwnedRow>,
}

impl RowScan {
    /// Begins to read; the first rows are there when this returns.
    pub async fn open(
        net: Arc<Net>,
        selection: Selection,
        after: Option<Position>,
        limit: Option<usize>,
    ) -> Result<Self, ReadError> {
        let (rows, mut more) = mpsc::channel(2);
        let reader = Reader { net, selection, after, left: limit.unwrap_or(usize::MAX), rows };
        tokio::spawn(reader.run());
        let first = more.recv().await.transpose()?.unwrap_or_default();
        Ok(Self { rows: first.into_iter(), more, current: None })
    }
}

impl Scan for RowScan {
    fn next(&mut self) -> Result<Option<Row<'_>>, ReadError> {
        let mut next = self.rows.next();
        while next.is_none() {
            let Some(rows) = block_in_place(|| self.more.blocking_recv()).transpose()? else {
                return Ok(None);
            };
            self.rows = rows.into_iter();
            next = self.rows.next();
        }
        self.current = next;
        Ok(self.current.as_ref().map(|(hour, key, sides)| Row {
            hour: *hour,
            key: FlowKey {
                src_app: key.src_app.by_ref(),
                dest_app: key.dest_app.by_ref(),
                vpc_id: key.vpc_id.by_ref(),
            },
            sides: *sides,
        }))
    }
}

/// Reads ahead.
struct Reader {
    net: Arc<Net>,
    selection: Selection,
    after: Option<Position>,
    left: usize,
    rows: mpsc::Sender<Result<Vec<OwnedRow>, ReadError>>,
}

impl Reader {
    async fn run(mut self) {
        if let Err(error) = self.read().await {
            // Who reads may have gone.
            let _ = self.rows.send(Err(error)).await;
        }
    }

    async fn read(&mut self) -> Result<(), ReadError> {
        let hours = read::hours(&self.net, &self.selection.hours).await?;
        for (hour, totals) in hours {
            if self.after.as_ref().is_some_and(|after| hour < after.hour) {
                continue;
            }
            let shards: Vec<_> = totals.iter().map(|(shard, _)| *shard).collect();
            let filter = &self.selection.filter;
            let mut sources = read::sources(&self.net, hour, &shards, filter).await?;
            sources.sort_unstable();
            let after = self.after.as_ref().filter(|after| after.hour == hour);
            if let Some(after) = after {
                let src_app = after.key.src_app.as_str();
                let is_later = |one: &SourceOfHour| {
                    Source::unpack(&one.packed).is_some_and(|source| source.src_app >= src_app)
                };
                sources.retain(is_later);
            }
            for some in in_steps(&sources) {
                if self.left == 0 {
                    return Ok(());
                }
                let rows = self.rows_of(hour, some).await?;
                self.left -= rows.len();
                if !rows.is_empty() && self.rows.send(Ok(rows)).await.is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The selected rows of some sources, in order.
    async fn rows_of(
        &self,
        hour: Hour,
        sources: &[SourceOfHour],
    ) -> Result<Vec<OwnedRow>, ReadError> {
        let found = read::flows(&self.net, hour, sources).await?;
        let mut rows = Vec::new();
        for (source, flows) in sources.iter().zip(found) {
            let names = Source::unpack(&source.packed).ok_or_else(|| damaged("a source"))?;
            for (dest, sides) in flows {
                let key = names.to(&dest).map_err(|_| damaged("a name"))?;
                if let Some(sides) = selected(&self.selection, &key, sides) {
                    rows.push((hour, key.into_owned(), sides));
                }
            }
        }
        rows.sort_unstable_by(|(_, a, _), (_, b, _)| a.cmp(b));
        if let Some(after) = self.after.as_ref().filter(|after| after.hour == hour) {
            rows.retain(|(_, key, _)| *key > after.key);
        }
        rows.truncate(self.left);
        Ok(rows)
    }
}

/// What is given of a flow, if it is selected.
pub(super) fn selected(selection: &Selection, key: &FlowKey<'_>, sides: Sides) -> Option<Sides> {
    if selection.filter.matches(key) { sides.selected(selection.reporter) } else { None }
}

/// Sources in steps of some, in which those of one app stay together: the rows of an app in two
/// networks come by destination, and not by network.
fn in_steps(sources: &[SourceOfHour]) -> Vec<&[SourceOfHour]> {
    let src_app = |one: &SourceOfHour| one.packed.split('\0').next().map(str::to_owned);
    let mut steps = Vec::new();
    let mut rest = sources;
    while !rest.is_empty() {
        let mut end = rest.len().min(SCAN_SOURCES);
        while let (Some(last), Some(next)) = (rest.get(end - 1), rest.get(end)) {
            if src_app(last) != src_app(next) {
                break;
            }
            end += 1;
        }
        let (step, left) = rest.split_at(end);
        steps.push(step);
        rest = left;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::cluster::layout::Shard;

    #[test]
    fn the_networks_of_an_app_stay_together() {
        let source = |n: usize| SourceOfHour {
            // The last of the first step and the two after it are one app in three networks.
            packed: match n.checked_sub(SCAN_SOURCES - 1) {
                None | Some(3..) => format!("app-{n:04}\0v"),
                Some(network) => format!("app-{SCAN_SOURCES:04}\0v{network}"),
            },
            shard: Shard(0),
        };
        let sources: Vec<_> = (0..SCAN_SOURCES + 5).map(source).collect();
        let lens: Vec<usize> = in_steps(&sources).iter().map(|step| step.len()).collect();
        assert_eq!(lens, [SCAN_SOURCES + 2, 3]);
        assert!(in_steps(&[]).is_empty());
    }
}
