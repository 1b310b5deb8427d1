//! Batches in a log: where an Envoy that ends brings no answers any more, what nobody has
//! confirmed is in its log, one batch a line, from which it can be replayed.

/// What stands before a batch in a log.
pub const SPILL_MARK: &str = "flow_filter-spill-v1 ";

/// The batch in a line of a log, if there is one: all that follows the mark.
pub fn spilled(line: &str) -> Option<&str> {
    line.split_once(SPILL_MARK).map(|(_, batch)| batch.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_what_follows_the_mark() {
        let line = format!("[2026][warning][wasm] wasm log flow_filter: {SPILL_MARK}{{\"a\":1}}\r");
        assert_eq!(spilled(&line), Some("{\"a\":1}"));
        assert_eq!(spilled("a line like others"), None);
    }
}
