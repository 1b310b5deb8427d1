//! `Figures`: the last figures of flows, and how much they have changed.

use std::collections::HashMap;

use crate::cli::rows::FlowRow;
use crate::limits::MAX_REMEMBERED_FLOWS;

type Key = (u64, String, String, String);

/// The last figures that were seen, of a bounded number of flows.
#[derive(Debug, Default)]
pub(super) struct Figures(HashMap<Key, (u64, u64)>);

/// How many bytes a flow has moved since it was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// From source to destination.
    pub bytes_tx: u64,
    /// And back.
    pub bytes_rx: u64,
}

impl Figures {
    /// Remembers a flow. Gives its change, or none when it was not seen before, or began anew.
    pub fn change(&mut self, flow: &FlowRow) -> Option<Change> {
        let names = (flow.src_app.clone(), flow.dest_app.clone(), flow.vpc_id.clone());
        let key = (flow.hour, names.0, names.1, names.2);
        if self.0.len() >= MAX_REMEMBERED_FLOWS && !self.0.contains_key(&key) {
            // Those that still change are soon remembered again.
            self.0.clear();
        }
        let (tx, rx) = self.0.insert(key, (flow.bytes_tx, flow.bytes_rx))?;
        let bytes_tx = flow.bytes_tx.checked_sub(tx)?;
        let bytes_rx = flow.bytes_rx.checked_sub(rx)?;
        Some(Change { bytes_tx, bytes_rx })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(src_app: &str, bytes_tx: u64) -> FlowRow {
        let (dest_app, vpc_id) = ("b".to_owned(), "v".to_owned());
        FlowRow { src_app: src_app.to_owned(), dest_app, vpc_id, bytes_tx, bytes_rx: 1, hour: 7 }
    }

    #[test]
    fn a_change_is_since_the_last_figure_of_the_same_flow() {
        let mut figures = Figures::default();
        assert_eq!(figures.change(&flow("a", 10)), None);
        assert_eq!(figures.change(&flow("b", 50)), None);
        assert_eq!(figures.change(&flow("a", 15)), Some(Change { bytes_tx: 5, bytes_rx: 0 }));
        let other_hour = FlowRow { hour: 8, ..flow("a", 20) };
        assert_eq!(figures.change(&other_hour), None);
        assert_eq!(figures.change(&flow("a", 3)), None, "the server began anew");
        assert_eq!(figures.change(&flow("a", 4)), Some(Change { bytes_tx: 1, bytes_rx: 0 }));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut figures = Figures::default();
        for n in 0..=MAX_REMEMBERED_FLOWS {
            figures.change(&flow(&n.to_string(), 1));
        }
        assert_eq!(figures.0.len(), 1);
    }
}
