//! The id of an instance: one root in one VM, from its start to its end. An id is never used
//! twice, or the aggregator would take new bytes for a resend of old ones.

use flow_model::Name;
use flow_model::limits::MAX_NAME_BYTES;

/// What an id is made of.
///
/// Two VMs may start in the same nanosecond, and a fleet of Envoys may share a node id by
/// mistake; a restarted Envoy draws the same numbers again, at another time. Together they do
/// not meet.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Envoy's node id, for people to read.
    pub node_id: String,
    /// The VM's id, for people to read; may be empty.
    pub vm_id: String,
    /// When the root started, in nanoseconds since the Unix epoch.
    pub started_ns: u64,
    /// When it saw its first bytes, in nanoseconds since the Unix epoch.
    pub first_traffic_ns: u64,
    /// A number that no other VM of the process has drawn.
    pub drawn: u32,
}

impl Origin {
    /// The id: what people read first, cut where it is too long, and whole what makes it unique.
    pub fn id(&self) -> Name<'static> {
        let unique = format!("/{:x}.{:x}.{}", self.started_ns, self.first_traffic_ns, self.drawn);
        let separator = if self.vm_id.is_empty() { "" } else { "/" };
        let readable = printable(&format!("{}{separator}{}", self.node_id, self.vm_id));
        let end = readable.floor_char_boundary(MAX_NAME_BYTES - unique.len());
        let id = format!("{}{unique}", readable.get(..end).unwrap_or_default());
        // It is neither empty nor too long, and has no control characters: a name as it is.
        Name::bounded(&id).unwrap_or(Name::unknown())
    }
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn origin() -> Origin {
        Origin {
            node_id: "sidecar~10.0.0.7".to_owned(),
            vm_id: "flow_filter".to_owned(),
            started_ns: 0x18da,
            first_traffic_ns: 0x18db,
            drawn: 2,
        }
    }

    #[test]
    fn an_id_reads_well() {
        assert_eq!(origin().id().as_str(), "sidecar~10.0.0.7/flow_filter/18da.18db.2");
        let anonymous = Origin { node_id: String::new(), vm_id: String::new(), ..origin() };
        assert_eq!(anonymous.id().as_str(), "/18da.18db.2");
    }

    #[test]
    fn ids_differ_in_any_part_even_when_the_node_is_long() {
        for node_id in ["n".to_owned(), "ß".repeat(500), "\u{1}".repeat(500)] {
            let base = Origin { node_id, ..origin() };
            let ids: BTreeSet<_> = [
                base.clone(),
                Origin { started_ns: 1, ..base.clone() },
                Origin { first_traffic_ns: u64::MAX, ..base.clone() },
                Origin { drawn: u32::MAX, ..base },
            ]
            .iter()
            .map(Origin::id)
            .collect();
            assert_eq!(ids.len(), 4);
            for id in ids {
                assert_eq!(Name::new(id.as_str().to_owned()).as_ref(), Ok(&id));
            }
        }
    }
}
