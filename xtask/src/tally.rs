//! Adding up the result lines that cargo's test programs print, and Node's.

use std::fmt;

/// How many tests passed, failed and were skipped.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Tally {
    /// Adds the figures of `line` if it is the result line of a test program, such as
    /// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out`, or one of
    /// Node's, such as `ℹ pass 3`.
    pub fn take(&mut self, line: &str) {
        self.take_node(line);
        let Some((_, figures)) = line.split_once("test result: ") else { return };
        for figure in figures.split(['.', ';']) {
            let mut words = figure.split_whitespace();
            let (Some(count), Some(kind)) = (words.next(), words.next()) else { continue };
            let Ok(count) = count.parse::<u64>() else { continue };
            match kind {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.skipped += count,
                _ => {}
            }
        }
    }

    fn take_node(&mut self, line: &str) {
        let Some(figure) = line.strip_prefix("ℹ ") else { return };
        let mut words = figure.split_whitespace();
        let (Some(kind), Some(count), None) = (words.next(), words.next(), words.next()) else {
            return;
        };
        let Ok(count) = count.parse::<u64>() else { return };
        match kind {
            "pass" => self.passed += count,
            "fail" | "cancelled" => self.failed += count,
            "skipped" | "todo" => self.skipped += count,
            _ => {}
        }
    }

    /// Adds a test that is not one of cargo's.
    pub fn count(&mut self, passed: bool) {
        match passed {
            true => self.passed += 1,
            false => self.failed += 1,
        }
    }

    /// Makes sure that a run that failed shows a failure, also when no test did: what does not
    /// compile, or dies, prints no result line.
    pub fn settle(&mut self, run_succeeded: bool) {
        let nothing_ran = self.passed == 0;
        if self.failed == 0 && (!run_succeeded || nothing_ran) {
            self.failed = 1;
        }
    }

    /// Whether there were tests and none failed.
    pub fn is_success(&self) -> bool {
        self.failed == 0 && self.passed > 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)?;
        match self.skipped {
            0 => Ok(()),
            skipped => write!(formatter, ", {skipped} skipped"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(lines: &[&str], run_succeeded: bool) -> String {
        let mut tally = Tally::default();
        lines.iter().for_each(|line| tally.take(line));
        tally.settle(run_succeeded);
        tally.to_string()
    }

    const GOOD: &str = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s";
    const BAD: &str = "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.12s";

    #[test]
    fn figures_of_all_programs_add_up() {
        assert_eq!(tally(&["running 3 tests", GOOD, BAD], false), "4 passed, 2 failed, 1 skipped");
    }

    #[test]
    fn figures_of_node_add_up_too() {
        let node = [
            "✔ a test (1.5ms)",
            "ℹ tests 9",
            "ℹ suites 0",
            "ℹ pass 4",
            "ℹ fail 1",
            "ℹ cancelled 1",
            "ℹ skipped 2",
            "ℹ todo 1",
            "ℹ duration_ms 1234.5",
            "ℹ pass the salt",
        ];
        assert_eq!(tally(&node, false), "4 passed, 2 failed, 3 skipped");
    }

    #[test]
    fn other_tests_count_as_one_each() {
        let mut tally = Tally::default();
        tally.take(GOOD);
        tally.count(true);
        assert_eq!(tally.to_string(), "4 passed, 0 failed, 1 skipped");
        tally.count(false);
        assert_eq!(tally.to_string(), "4 passed, 1 failed, 1 skipped");
        assert!(!tally.is_success());
    }

    #[test]
    fn a_run_that_failed_without_a_failed_test_counts_as_one() {
        assert_eq!(tally(&[GOOD], false), "3 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn a_run_without_tests_is_a_failure() {
        assert_eq!(
            tally(&["test result: ok. 0 passed; 0 failed; 0 ignored"], true),
            "0 passed, 1 failed"
        );
    }
}
