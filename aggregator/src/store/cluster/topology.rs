//! `Topology`: which node serves which slots, as one node of the cluster says.

use std::collections::BTreeMap;
use std::sync::Arc;

use redis::Value;

/// `HOST:PORT`
pub(super) type Address = Arc<str>;

/// A node that takes writes, and those that copy it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Primary {
    pub address: Address,
    pub replicas: Vec<Address>,
}

/// Who serves which slots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Topology {
    primaries: Vec<Primary>,
    /// The first slot and the last, and the primary's place in the list.
    ranges: Vec<(u16, u16, usize)>,
    /// Whether any node copies another, also one that is away: then a write is to have a copy.
    pub has_replicas: bool,
    /// How many nodes copy the primary that has most of them, without those that have failed.
    pub most_replicas: usize,
    /// Whether the cluster itself says that it serves nothing at the moment.
    pub is_down: bool,
}

impl Topology {
    /// Reads the answers of `asked` to `CLUSTER SLOTS`, `CLUSTER NODES` and `CLUSTER INFO`; none if
    /// they are not as they should be.
    pub fn parse(slots: &Value, nodes: &Value, info: &Value, asked: &str) -> Option<Self> {
        let (has_replicas, most_replicas) = tells_of_replicas(nodes)?;
        let is_down = text(info)?.lines().any(|line| line == "cluster_state:fail");
        let mut topology = Self { has_replicas, most_replicas, is_down, ..Self::default() };
        let Value::Array(ranges) = slots else { return None };
        for range in ranges {
            let Value::Array(parts) = range else { return None };
            let [Value::Int(first), Value::Int(last), primary, replicas @ ..] = parts.as_slice()
            else {
                return None;
            };
            let primary = address(primary, asked)?;
            let replicas = replicas.iter().filter_map(|node| address(node, asked)).collect();
            let place = topology.place(Primary { address: primary, replicas });
            topology.ranges.push((u16::try_from(*first).ok()?, u16::try_from(*last).ok()?, place));
        }
        topology.ranges.sort_unstable();
        Some(topology)
    }

    /// The place of a primary in the list, to which it is added.
    fn place(&mut self, primary: Primary) -> usize {
        let known = self.primaries.iter().position(|known| known.address == primary.address);
        known.unwrap_or_else(|| {
            self.primaries.push(primary);
            self.primaries.len() - 1
        })
    }

    /// Who takes the writes of a slot.
    pub fn primary(&self, slot: u16) -> Option<&Primary> {
        let after = self.ranges.partition_point(|(first, _, _)| *first <= slot);
        let (_, last, place) = self.ranges.get(after.checked_sub(1)?)?;
        self.primaries.get(*place).filter(|_| slot <= *last)
    }

    /// The primaries, and a slot of each.
    pub fn first_slots(&self) -> Vec<(Address, u16)> {
        let first = |(place, primary): (usize, &Primary)| {
            let (slot, ..) = self.ranges.iter().find(|(_, _, of)| *of == place)?;
            Some((Arc::clone(&primary.address), *slot))
        };
        self.primaries.iter().enumerate().filter_map(first).collect()
    }

    /// All nodes that are known.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.primaries.iter().flat_map(|one| std::iter::once(&one.address).chain(&one.replicas))
    }
}

/// The address in a node's description. A node that does not know its own is the one asked.
fn address(node: &Value, asked: &str) -> Option<Address> {
    let Value::Array(parts) = node else { return None };
    let [host, Value::Int(port), ..] = parts.as_slice() else { return None };
    let known = text(host).filter(|host| !host.is_empty() && *host != "?");
    let host = known.or_else(|| asked.rsplit_once(':').map(|(host, _)| host))?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    Some(match bare.contains(':') {
        true => format!("[{bare}]:{port}").into(),
        false => format!("{bare}:{port}").into(),
    })
}

/// Whether a list of nodes has one that copies another, and how many copy the same one, without
/// those that have failed. `CLUSTER SLOTS` does not tell of copies of what is still empty.
fn tells_of_replicas(nodes: &Value) -> Option<(bool, usize)> {
    let mut has_replicas = false;
    let mut replicas: BTreeMap<&str, usize> = BTreeMap::new();
    for line in text(nodes)?.lines() {
        let [_, _, flags, primary, ..] = line.split(' ').collect::<Vec<_>>()[..] else { continue };
        let has = |flag: &str| flags.split(',').any(|one| one == flag);
        has_replicas |= has("slave");
        if has("slave") && !has("fail") {
            *replicas.entry(primary).or_default() += 1;
        }
    }
    Some((has_replicas, replicas.into_values().max().unwrap_or_default()))
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(host: &str, port: i64) -> Value {
        let id = Value::BulkString(b"id".to_vec());
        Value::Array(vec![Value::BulkString(host.into()), Value::Int(port), id])
    }

    fn range(first: i64, last: i64, nodes: Vec<Value>) -> Value {
        Value::Array([vec![Value::Int(first), Value::Int(last)], nodes].concat())
    }

    fn nodes(flags: &str) -> Value {
        let line = format!("abc 10.0.0.1:6379@16379 {flags} - 0 0 1 connected 0-5\n");
        Value::BulkString(line.into_bytes())
    }

    fn info(state: &str) -> Value {
        Value::BulkString(format!("cluster_state:{state}\r\ncluster_slots_ok:0\r\n").into_bytes())
    }

    #[test]
    fn slots_belong_to_primaries() {
        let a = vec![node("10.0.0.1", 1), node("10.0.0.2", 2)];
        let slots = Value::Array(vec![
            range(100, 200, vec![node("", 3)]),
            range(0, 99, a.clone()),
            range(300, 300, a),
        ]);
        let topology =
            Topology::parse(&slots, &nodes("myself,master"), &info("ok"), "h:9").unwrap();
        let primary = |slot| topology.primary(slot).map(|primary| &*primary.address);
        assert_eq!(primary(0), Some("10.0.0.1:1"));
        assert_eq!(primary(99), Some("10.0.0.1:1"));
        assert_eq!(primary(100), Some("h:3"), "it does not know its own host");
        assert_eq!(primary(201), None);
        assert_eq!(primary(300), Some("10.0.0.1:1"));
        assert_eq!(topology.primaries.len(), 2);
        assert_eq!(&*topology.primary(5).unwrap().replicas[0], "10.0.0.2:2");
        assert!(!topology.has_replicas && !topology.is_down);
    }

    #[test]
    fn a_replica_that_is_away_is_one() {
        let slots = Value::Array(Vec::new());
        let topology =
            |flags| Topology::parse(&slots, &nodes(flags), &info("fail"), "h:9").unwrap();
        assert!(topology("slave,fail").has_replicas && topology("slave,fail").is_down);
        let most = |flags| topology(flags).most_replicas;
        assert_eq!((most("slave"), most("slave,fail?"), most("slave,fail")), (1, 1, 0));
        assert!(!topology("master,fail").has_replicas);
        assert!(Topology::parse(&Value::Nil, &nodes("master"), &info("ok"), "h:9").is_none());
    }

    #[test]
    fn addresses_of_six_are_in_brackets() {
        let slots = Value::Array(vec![range(0, 1, vec![node("fd00::1", 1)])]);
        let topology = Topology::parse(&slots, &nodes("master"), &info("ok"), "h:9").unwrap();
        assert_eq!(&*topology.primary(0).unwrap().address, "[fd00::1]:1");
    }
}
