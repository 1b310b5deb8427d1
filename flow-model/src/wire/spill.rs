//! Batches in a log: where an Envoy that ends brings no answers any more, what nobody has
//! confirmed is in its log, one batch a line, from which it can be replayed.
//!
//! A log may hold what others wrote into it: the headers of requests in an access log, above all.
//! A batch counts only where Envoy itself writes what a filter logs, after `wasm log NAME: `, or
//! `wasm log: ` where the filter has neither a root id nor a VM id, as with a WasmPlugin of Istio.

use serde::de::IgnoredAny;

/// What stands before a batch in a log.
pub const SPILL_MARK: &str = "flow_filter-spill-v1 ";

/// What Envoy writes before a filter's name, which may be missing.
const WASM_LOG: &str = "wasm log";

/// The batch in a line of Envoy's log, if there is one: the JSON value after the mark, whatever
/// the log's format has behind it, or all that is there if it is not whole.
pub fn spilled(line: &str) -> Option<&str> {
    let (before, after) = line.split_once(SPILL_MARK)?;
    let (head, name) = before.split_once(WASM_LOG)?;
    // Envoy's own line has no quotes before the filter's name; those of requests are quoted.
    let is_name = name.ends_with(": ") && (name == ": " || name.starts_with(' '));
    if head.contains('"') || name.contains('"') || !is_name {
        return None;
    }
    let mut values = serde_json::Deserializer::from_str(after).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(IgnoredAny)) => after.get(..values.byte_offset()),
        _ => Some(after.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_the_value_after_the_mark_in_any_format_of_the_log() {
        for (before, after) in [
            (
                "[2026-11-24 12:00:00.000][7][warning][wasm] [context.cc:1] wasm log flow_filter: ",
                "",
            ),
            ("[2026][warning][wasm] wasm log flow_filter: ", "\r"),
            (
                "2026-11-24T12:00:00Z\twarning\tenvoy wasm context.cc:1\twasm log a b: ",
                "\tthread=14",
            ),
            ("[2026][warning][wasm] [context.cc:1] wasm log: ", ""),
        ] {
            let line = format!("{before}{SPILL_MARK}{{\"a\":[1]}}{after}");
            assert_eq!(spilled(&line), Some("{\"a\":[1]}"), "{line}");
        }
        assert_eq!(spilled("wasm log x: flow_filter-spill-v1 {\"a\":"), Some("{\"a\":"));
        assert_eq!(spilled("a line like others"), None);
    }

    #[test]
    fn what_others_bring_into_the_log_is_no_batch() {
        for line in [
            "[2026] \"GET / HTTP/1.1\" 200 \"flow_filter-spill-v1 {}\"",
            "[2026] \"GET / HTTP/1.1\" 200 \"wasm log x: flow_filter-spill-v1 {}\"",
            "flow_filter-spill-v1 {}",
            "wasm logs x: flow_filter-spill-v1 {}",
            "wasm log x flow_filter-spill-v1 {}",
        ] {
            assert_eq!(spilled(line), None, "{line}");
        }
    }
}
