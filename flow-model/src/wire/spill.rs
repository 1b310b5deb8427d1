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

/// The batches in a line of Envoy's log, which are several where a line before it was cut short:
/// of each the JSON value after the mark, whatever the log's format has behind it, or all that is
/// there if it is not whole.
pub fn spilled(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let (batch, behind) = first(rest?)?;
        rest = behind;
        Some(batch)
    })
}

/// The first batch in a text, and what stands behind it.
fn first(text: &str) -> Option<(&str, Option<&str>)> {
    let (head, rest) = text.split_once(WASM_LOG)?;
    let (name, logged) = rest.split_once(": ")?;
    // Envoy's own line has no quotes before the filter's name; those of requests are quoted. And
    // it is the filter that begins with the mark: what it merely contains, others may have brought.
    let is_name = name.is_empty() || name.starts_with(' ');
    if head.contains('"') || name.contains('"') || !is_name {
        return None;
    }
    let batch = logged.strip_prefix(SPILL_MARK)?;
    let mut values = serde_json::Deserializer::from_str(batch).into_iter::<IgnoredAny>();
    if let Some(Ok(IgnoredAny)) = values.next() {
        let (batch, behind) = batch.split_at_checked(values.byte_offset())?;
        return Some((batch, Some(behind)));
    }
    // It is cut short. Of another batch's line, the beginning cannot be told from its end: but
    // within JSON there is no such text, since there a batch's quotes are escaped.
    let next = batch.find(WASM_LOG).filter(|_| batch.contains(SPILL_MARK));
    let (cut, behind) = next.map_or((batch, None), |next| {
        let (cut, behind) = batch.split_at(next);
        (cut, Some(behind))
    });
    Some((cut.trim_end(), behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(line: &str) -> Vec<&str> {
        spilled(line).collect()
    }

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
            assert_eq!(all(&line), ["{\"a\":[1]}"], "{line}");
        }
        assert_eq!(all("wasm log x: flow_filter-spill-v1 {\"a\":"), ["{\"a\":"]);
        assert_eq!(all("a line like others"), [""; 0]);
    }

    #[test]
    fn a_line_may_have_several_batches_and_cut_ones() {
        let (whole, cut) = ("[t] wasm log x: flow_filter-spill-v1 {\"a\":1}", "{\"b\":[");
        assert_eq!(all(&format!("{whole}{whole}")), ["{\"a\":1}"; 2]);
        let both = format!("wasm log x: flow_filter-spill-v1 {cut}{whole}");
        assert_eq!(all(&both), [&format!("{cut}[t]"), "{\"a\":1}"]);
        let named =
            "wasm log x: flow_filter-spill-v1 {\"a\":\"wasm log y: flow_filter-spill-v1 {}\"}";
        assert_eq!(all(named), [named.split_at(33).1]);
    }

    #[test]
    fn what_others_bring_into_the_log_is_no_batch() {
        for line in [
            "[2026] \"GET / HTTP/1.1\" 200 \"flow_filter-spill-v1 {}\"",
            "[2026] \"GET / HTTP/1.1\" 200 \"wasm log x: flow_filter-spill-v1 {}\"",
            "flow_filter-spill-v1 {}",
            "wasm logs x: flow_filter-spill-v1 {}",
            "wasm log x flow_filter-spill-v1 {}",
            "wasm log auth: header x-a: flow_filter-spill-v1 {}",
            "wasm log auth: header wasm log x: flow_filter-spill-v1 {}",
        ] {
            assert_eq!(all(line), [""; 0], "{line}");
        }
    }
}
