//! What the nodes are set to, as far as it can break the promise: a node that evicts forgets flows
//! and records without a word.

use std::sync::Arc;

use super::call;
use super::net::Net;

/// Warns of nodes that may evict what is stored.
pub(super) async fn warn(net: &Arc<Net>) {
    for (address, slot) in net.topology().first_slots() {
        let mut command = redis::cmd("INFO");
        command.arg("memory");
        // A user that may not ask is no reason not to serve.
        let Ok(info) = net.tell_slot(slot, command).await else { continue };
        let info = call::bytes(&info).unwrap_or_default();
        if let Some(policy) = evicts(&String::from_utf8_lossy(&info)) {
            log::warn!(
                "{address} evicts when its memory is full (maxmemory-policy {policy}): flows and \
                 the records that tell resends would vanish; set it to noeviction"
            );
        }
    }
}

/// By which policy a node evicts, if it does.
fn evicts(info: &str) -> Option<&str> {
    let figure =
        |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let is_bounded = figure("maxmemory").is_some_and(|bytes| bytes.trim() != "0");
    let policy = figure("maxmemory_policy").map(str::trim);
    policy.filter(|policy| is_bounded && *policy != "noeviction")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_evicts_if_it_has_a_bound_and_a_policy() {
        let info = |bytes: u64, policy: &str| {
            format!("# Memory\r\nmaxmemory:{bytes}\r\nmaxmemory_policy:{policy}\r\n")
        };
        assert_eq!(evicts(&info(1, "volatile-lru")), Some("volatile-lru"));
        assert_eq!(evicts(&info(0, "allkeys-lru")), None);
        assert_eq!(evicts(&info(1, "noeviction")), None);
        assert_eq!(evicts(""), None);
    }
}
