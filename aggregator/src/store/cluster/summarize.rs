//! Summaries: sums of each part of the shards, put together.

use std::sync::Arc;

use flow_model::Hour;
use tokio::task::JoinSet;

use super::layout::{Shard, Source};
use super::net::Net;
use super::read::{self, ByShard, damaged};
use super::scan::selected;
use crate::limits::{SCAN_SOURCES, SUMMARY_TASKS};
use crate::store::summary::Groups;
use crate::store::{GroupBy, GroupKey, OrderBy, ReadError, Selection, Summary, Totals};

/// Sums of the selected flows by group.
pub(super) async fn summarize(
    net: &Arc<Net>,
    selection: Selection,
    group_by: GroupBy,
    order_by: OrderBy,
    limit: usize,
) -> Result<Summary, ReadError> {
    let mut groups = Groups::default();
    for (hour, totals) in read::hours(net, &selection.hours).await? {
        add_hour(net, &selection, group_by, hour, &totals, &mut groups).await?;
    }
    Ok(Summary::largest(groups.into_vec(), order_by, limit))
}

/// The hours that have selected flows, with their totals.
pub(super) async fn hours(
    net: &Arc<Net>,
    selection: &Selection,
) -> Result<Vec<(Hour, Totals)>, ReadError> {
    let is_whole = selection.filter.is_empty() && selection.reporter.is_none();
    let mut hours = Vec::new();
    for (hour, by_shard) in read::hours(net, &selection.hours).await? {
        let mut total = Totals::default();
        if is_whole {
            by_shard.iter().for_each(|(_, totals)| total.add(totals));
        } else {
            let mut groups = Groups::default();
            add_hour(net, selection, GroupBy::default(), hour, &by_shard, &mut groups).await?;
            groups.into_vec().iter().for_each(|group| total.add(&group.totals));
        }
        if total.flows > 0 {
            hours.push((hour, total));
        }
    }
    Ok(hours)
}

async fn add_hour(
    net: &Arc<Net>,
    selection: &Selection,
    group_by: GroupBy,
    hour: Hour,
    totals: &ByShard,
    groups: &mut Groups,
) -> Result<(), ReadError> {
    let mut shards: Vec<Shard> = totals.iter().map(|(shard, _)| *shard).collect();
    let mut tasks = JoinSet::new();
    let part_len = shards.len().div_ceil(SUMMARY_TASKS).max(1);
    while !shards.is_empty() {
        let part = shards.split_off(shards.len().saturating_sub(part_len));
        let (net, selection) = (Arc::clone(net), selection.clone());
        tasks.spawn(async move { part_of_hour(&net, &selection, group_by, hour, &part).await });
    }
    while let Some(part) = tasks.join_next().await {
        let part = part.unwrap_or_else(|error| Err(ReadError(error.to_string())))?;
        for group in part.into_vec() {
            groups.add(group.key, &group.totals);
        }
    }
    Ok(())
}

async fn part_of_hour(
    net: &Arc<Net>,
    selection: &Selection,
    group_by: GroupBy,
    hour: Hour,
    shards: &[Shard],
) -> Result<Groups, ReadError> {
    let mut groups = Groups::default();
    let sources = read::sources(net, hour, shards, &selection.filter).await?;
    for some in sources.chunks(SCAN_SOURCES) {
        let found = read::flows(net, hour, some).await?;
        for (source, flows) in some.iter().zip(found) {
            let names = Source::unpack(&source.packed).ok_or_else(|| damaged("a source"))?;
            for (dest, sides) in flows {
                let key = names.to(&dest).map_err(|_| damaged("a name"))?;
                if let Some(sides) = selected(selection, &key, sides) {
                    let totals = Totals::of(sides.reconciled());
                    groups.add(GroupKey::of(group_by, hour, &key), &totals);
                }
            }
        }
    }
    Ok(groups)
}
