//! Reading the cluster: hours, their sources, the fields of hashes. In steps that hold no node for
//! long and take little memory here.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use flow_model::Hour;
use redis::Value;

use super::call;
use super::cell::{decode_sides, decode_totals};
use super::layout::{Shard, Source};
use super::net::Net;
use crate::limits::SCAN_COUNT;
use crate::store::selection::NameField;
use crate::store::{Filter, ReadError, Sides, Totals};

/// The totals of an hour by shard.
pub(super) type ByShard = Vec<(Shard, Totals)>;

/// A hash that is read field by field.
#[derive(Clone, Debug)]
pub(super) struct Hash {
    pub shard: Shard,
    pub key: Vec<u8>,
}

/// Where the flows of a source in an hour are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SourceOfHour {
    /// Both names in one.
    pub packed: String,
    pub shard: Shard,
}

/// A flow of a source.
pub(super) type DestRow = (String, Sides);

/// The hours in a range that have flows, with their totals in each shard.
pub(super) async fn hours(
    net: &Arc<Net>,
    range: &RangeInclusive<Hour>,
) -> Result<BTreeMap<Hour, ByShard>, ReadError> {
    let asks = Shard::all().map(|shard| {
        let mut command = redis::cmd("HGETALL");
        command.arg(net.keys.hours(shard));
        (shard, command)
    });
    let answers = net.ask(asks.collect()).await?;
    let mut hours: BTreeMap<Hour, ByShard> = BTreeMap::new();
    for (shard, answer) in Shard::all().zip(answers) {
        for (field, value) in pairs(&answer)? {
            let hour: Hour = text(&field)?.parse().map_err(|_| damaged("an hour"))?;
            if range.contains(&hour) {
                let totals =
                    decode_totals(&value).ok_or_else(|| damaged("the totals of an hour"))?;
                hours.entry(hour).or_default().push((shard, totals));
            }
        }
    }
    Ok(hours)
}

/// The sources of an hour that may have selected flows, in these shards.
pub(super) async fn sources(
    net: &Arc<Net>,
    hour: Hour,
    shards: &[Shard],
    filter: &Filter,
) -> Result<Vec<SourceOfHour>, ReadError> {
    let asks = shards.iter().map(|shard| {
        let mut command = redis::cmd("SMEMBERS");
        command.arg(net.keys.sources(*shard, hour));
        (*shard, command)
    });
    let answers = net.ask(asks.collect()).await?;
    let mut found = Vec::new();
    for (shard, answer) in shards.iter().zip(answers) {
        let members = match answer {
            Value::Array(members) | Value::Set(members) => members,
            _ => return Err(damaged("the sources of an hour")),
        };
        for member in &members {
            let packed = text(&call::bytes(member).ok_or_else(|| damaged("a source"))?)?;
            let source = Source::unpack(&packed).ok_or_else(|| damaged("a source"))?;
            if filter.allows(NameField::SrcApp, source.src_app)
                && filter.allows(NameField::VpcId, source.vpc_id)
            {
                found.push(SourceOfHour { packed, shard: *shard });
            }
        }
    }
    Ok(found)
}

/// The flows of each source in an hour, each in the order of destinations.
pub(super) async fn flows(
    net: &Arc<Net>,
    hour: Hour,
    sources: &[SourceOfHour],
) -> Result<Vec<Vec<DestRow>>, ReadError> {
    let hashes = sources.iter().map(|source| Hash {
        shard: source.shard,
        key: net.keys.flows(source.shard, hour, &source.packed),
    });
    let mut rows: Vec<Vec<DestRow>> = vec![Vec::new(); sources.len()];
    scan(net, hashes.collect(), |nth, field, value| {
        let sides = decode_sides(value).ok_or_else(|| damaged("the counters of a flow"))?;
        if let Some(rows) = rows.get_mut(nth) {
            rows.push((text(field)?, sides));
        }
        Ok(())
    })
    .await?;
    for rows in &mut rows {
        // A hash that changes while it is read may tell a field twice: the later one counts.
        rows.reverse();
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        rows.dedup_by(|(a, _), (b, _)| a == b);
    }
    Ok(rows)
}

/// Shows the fields of hashes, and in which hash they are.
pub(super) async fn scan(
    net: &Arc<Net>,
    hashes: Vec<Hash>,
    mut show: impl FnMut(usize, &[u8], &[u8]) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let mut open: Vec<(usize, Hash, Vec<u8>)> =
        hashes.into_iter().enumerate().map(|(nth, hash)| (nth, hash, b"0".to_vec())).collect();
    while !open.is_empty() {
        let asks = open.iter().map(|(_, hash, cursor)| {
            let mut command = redis::cmd("HSCAN");
            command.arg(&hash.key).arg(cursor).arg("COUNT").arg(SCAN_COUNT);
            (hash.shard, command)
        });
        let answers = net.ask(asks.collect()).await?;
        let mut more = Vec::new();
        for ((nth, hash, _), answer) in open.into_iter().zip(answers) {
            let Value::Array(parts) = answer else { return Err(damaged("a step of a scan")) };
            let [cursor, fields] = parts.as_slice() else {
                return Err(damaged("a step of a scan"));
            };
            for (field, value) in pairs(fields)? {
                show(nth, &field, &value)?;
            }
            let cursor = call::bytes(cursor).ok_or_else(|| damaged("a cursor"))?;
            if *cursor != *b"0" {
                more.push((nth, hash, cursor.into_owned()));
            }
        }
        open = more;
    }
    Ok(())
}

type Pair<'a> = (std::borrow::Cow<'a, [u8]>, std::borrow::Cow<'a, [u8]>);

/// The fields and values of an answer.
fn pairs(answer: &Value) -> Result<Vec<Pair<'_>>, ReadError> {
    let bytes = |value| call::bytes(value).ok_or_else(|| damaged("a field"));
    match answer {
        Value::Array(list) => {
            let pairs = list.chunks_exact(2).filter_map(|pair| match pair {
                [field, value] => Some((field, value)),
                _ => None,
            });
            pairs.map(|(field, value)| Ok((bytes(field)?, bytes(value)?))).collect()
        }
        Value::Map(list) => {
            list.iter().map(|(field, value)| Ok((bytes(field)?, bytes(value)?))).collect()
        }
        Value::Nil => Ok(Vec::new()),
        _ => Err(damaged("a hash")),
    }
}

fn text(bytes: &[u8]) -> Result<String, ReadError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| damaged("a name"))
}

pub(super) fn damaged(what: &str) -> ReadError {
    ReadError(format!("{what} in the cluster is not what it should be"))
}
