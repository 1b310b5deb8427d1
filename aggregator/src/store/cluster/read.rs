//! Reading the cluster: hours, their sources, the fields of hashes. In steps that hold no node for
//! long and take little memory here.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use flow_model::Hour;
use redis::{Cmd, Value};

use super::call;
use super::cell::{decode_sides, decode_totals};
use super::layout::{Shard, Source};
use super::net::Net;
use crate::limits::{MAX_NAMED_HOURS, MAX_SCAN_RESTARTS, SCAN_COUNT};
use crate::store::selection::NameField;
use crate::store::{Filter, ReadError, Sides, Totals};

/// The totals of an hour by shard.
pub(super) type ByShard = Vec<(Shard, Totals)>;

/// A hash or a set that is read step by step.
#[derive(Clone, Debug)]
pub(super) struct Place {
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
    if range.is_empty() {
        return Ok(BTreeMap::new());
    }
    let is_short = range.end().saturating_sub(*range.start()) < MAX_NAMED_HOURS;
    let by_shard = match is_short {
        true => named_hours(net, range).await?,
        false => all_hours(net).await?,
    };
    let mut hours: BTreeMap<Hour, ByShard> = BTreeMap::new();
    for (shard, of_shard) in Shard::all().zip(by_shard) {
        for (hour, totals) in of_shard.into_iter().filter(|(hour, _)| range.contains(hour)) {
            hours.entry(hour).or_default().push((shard, totals));
        }
    }
    Ok(hours)
}

/// The hours of each shard that are in a short range, without a look at the others.
async fn named_hours(
    net: &Arc<Net>,
    range: &RangeInclusive<Hour>,
) -> Result<Vec<Vec<(Hour, Totals)>>, ReadError> {
    let asks = Shard::all().map(|shard| {
        let mut command = redis::cmd("HMGET");
        command.arg(net.keys.hours(shard));
        range.clone().for_each(|hour| {
            command.arg(hour);
        });
        (shard, command)
    });
    let answers = net.ask(asks.collect()).await?;
    answers.iter().map(|(answer, _)| hours_named(range, answer)).collect()
}

/// The hours of a range that there are, given what is stored of each.
fn hours_named(
    range: &RangeInclusive<Hour>,
    answer: &Value,
) -> Result<Vec<(Hour, Totals)>, ReadError> {
    let Value::Array(values) = answer else { return Err(damaged("the totals of hours")) };
    let mut hours = Vec::new();
    for (hour, value) in range.clone().zip(values).filter(|(_, value)| **value != Value::Nil) {
        hours.push((hour, totals(&bytes(value)?)?));
    }
    Ok(hours)
}

async fn all_hours(net: &Arc<Net>) -> Result<Vec<Vec<(Hour, Totals)>>, ReadError> {
    let hashes = Shard::all().map(|shard| Place { shard, key: net.keys.hours(shard) });
    let by_shard = fields(net, hashes.collect(), totals).await?;
    let hour = |name: &str| name.parse::<Hour>().map_err(|_| damaged("an hour"));
    let mut hours = Vec::with_capacity(by_shard.len());
    for of_shard in by_shard {
        let of_shard = of_shard.iter().map(|(name, totals)| Ok((hour(name)?, *totals)));
        hours.push(of_shard.collect::<Result<Vec<_>, ReadError>>()?);
    }
    Ok(hours)
}

fn totals(value: &[u8]) -> Result<Totals, ReadError> {
    decode_totals(value).ok_or_else(|| damaged("the totals of an hour"))
}

/// The sources of an hour that may have selected flows, in these shards.
pub(super) async fn sources(
    net: &Arc<Net>,
    hour: Hour,
    shards: &[Shard],
    filter: &Filter,
) -> Result<Vec<SourceOfHour>, ReadError> {
    let place = |shard: &Shard| Place { shard: *shard, key: net.keys.sources(*shard, hour) };
    let sets = shards.iter().map(place).collect();
    let mut found = Vec::new();
    for (shard, members) in shards.iter().zip(members(net, sets).await?) {
        for packed in members {
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
    let hashes = sources.iter().map(|source| Place {
        shard: source.shard,
        key: net.keys.flows(source.shard, hour, &source.packed),
    });
    let sides = |value: &[u8]| decode_sides(value).ok_or_else(|| damaged("the counters of a flow"));
    fields(net, hashes.collect(), sides).await
}

/// The fields of hashes, each once, in the order of their names.
pub(super) async fn fields<T>(
    net: &Arc<Net>,
    hashes: Vec<Place>,
    decode: impl Fn(&[u8]) -> Result<T, ReadError>,
) -> Result<Vec<Vec<(String, T)>>, ReadError> {
    scan(net, "HSCAN", hashes, |list, found| {
        for pair in list.chunks_exact(2) {
            let [field, value] = pair else { continue };
            found.push((text(&bytes(field)?)?, decode(&bytes(value)?)?));
        }
        Ok(())
    })
    .await
}

/// The members of sets, each once, in order.
async fn members(net: &Arc<Net>, sets: Vec<Place>) -> Result<Vec<Vec<String>>, ReadError> {
    let found = scan(net, "SSCAN", sets, |list, found| {
        for member in list {
            found.push((text(&bytes(member)?)?, ()));
        }
        Ok(())
    });
    let name = |(name, ()): (String, ())| name;
    Ok(found.await?.into_iter().map(|of_set| of_set.into_iter().map(name).collect()).collect())
}

/// A scan of a hash or a set that has not ended.
struct Open<T> {
    nth: usize,
    place: Place,
    cursor: Vec<u8>,
    /// On which connection its steps were answered so far.
    answered_on: Option<u64>,
    restarts: u32,
    found: Vec<(String, T)>,
}

impl<T> Open<T> {
    fn step(&self, scan: &str) -> (Shard, Cmd) {
        let mut command = redis::cmd(scan);
        command.arg(&self.place.key).arg(&self.cursor).arg("COUNT").arg(SCAN_COUNT);
        (self.place.shard, command)
    }

    /// Begins anew. A cursor is worth nothing for another process, or for the same one after a
    /// restart: it would leave something out.
    fn restart(&mut self) -> Result<(), ReadError> {
        self.cursor = b"0".to_vec();
        self.answered_on = None;
        self.found.clear();
        self.restarts += 1;
        match self.restarts > MAX_SCAN_RESTARTS {
            true => Err(ReadError("its nodes change too often to be read".to_owned())),
            false => Ok(()),
        }
    }

    /// What was found, each name once: what changes while it is read may be told twice, and then
    /// the later one counts.
    fn end(mut self) -> Vec<(String, T)> {
        self.found.reverse();
        self.found.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.found.dedup_by(|(a, _), (b, _)| a == b);
        self.found
    }
}

/// Goes through hashes or sets, all at the same time; `take` adds what a step has found.
async fn scan<T>(
    net: &Arc<Net>,
    command: &str,
    places: Vec<Place>,
    take: impl Fn(&[Value], &mut Vec<(String, T)>) -> Result<(), ReadError>,
) -> Result<Vec<Vec<(String, T)>>, ReadError> {
    let mut ended: Vec<Vec<(String, T)>> = places.iter().map(|_| Vec::new()).collect();
    let begin = |(nth, place)| {
        let cursor = b"0".to_vec();
        Open { nth, place, cursor, answered_on: None, restarts: 0, found: Vec::new() }
    };
    let mut open: Vec<Open<T>> = places.into_iter().enumerate().map(begin).collect();
    while !open.is_empty() {
        let asks = open.iter().map(|one| one.step(command)).collect();
        let answers = net.ask(asks).await?;
        let mut more = Vec::new();
        for (mut one, (answer, number)) in open.into_iter().zip(answers) {
            if one.answered_on.is_some_and(|before| before != number) {
                one.restart()?;
                more.push(one);
                continue;
            }
            one.answered_on = Some(number);
            let (cursor, list) = step_of(&answer)?;
            take(list, &mut one.found)?;
            if *cursor != *b"0" {
                one.cursor = cursor.into_owned();
                more.push(one);
            } else if let Some(place) = ended.get_mut(one.nth) {
                *place = one.end();
            }
        }
        open = more;
    }
    Ok(ended)
}

/// The next cursor, and what a step has found.
fn step_of(answer: &Value) -> Result<(Cow<'_, [u8]>, &[Value]), ReadError> {
    let Value::Array(parts) = answer else { return Err(damaged("a step of a scan")) };
    match parts.as_slice() {
        [cursor, Value::Array(list)] => Ok((bytes(cursor)?, list)),
        _ => Err(damaged("a step of a scan")),
    }
}

fn bytes(value: &Value) -> Result<Cow<'_, [u8]>, ReadError> {
    call::bytes(value).ok_or_else(|| damaged("a value"))
}

fn text(bytes: &[u8]) -> Result<String, ReadError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| damaged("a name"))
}

pub(super) fn damaged(what: &str) -> ReadError {
    ReadError(format!("{what} in the cluster is not what it should be"))
}
