//! `Finding`: what a check found, how bad it is, and what to do.

use std::fmt;

use serde::Serialize;

use crate::cli::error::CliError;

/// How bad it is, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// All is well.
    Ok,
    /// Nobody could look. It is no finding by itself: `access` tells that the token is not enough.
    Skipped,
    /// Something is to be looked after.
    Warning,
    /// Something does not work.
    Problem,
}

impl Level {
    /// The exit code of the program.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Ok | Self::Skipped => 0,
            Self::Warning => 1,
            Self::Problem => 2,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
            Self::Problem => "problem",
        })
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// The check.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub found: String,
    /// What to do, unless all is well.
    pub advice: Option<String>,
}

impl Finding {
    /// All is well.
    pub fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, found: found.into(), advice: None }
    }

    /// Something is to be looked after.
    pub fn warning(check: &'static str, found: impl Into<String>, advice: &str) -> Self {
        Self { level: Level::Warning, advice: Some(advice.to_owned()), ..Self::ok(check, found) }
    }

    /// Something does not work.
    pub fn problem(check: &'static str, found: impl Into<String>, advice: &str) -> Self {
        Self { level: Level::Problem, advice: Some(advice.to_owned()), ..Self::ok(check, found) }
    }

    /// The check could not be made.
    pub fn not_made(check: &'static str, error: &CliError) -> Self {
        if error.is_about_access() {
            let found = "not looked at: the token is not enough";
            return Self { level: Level::Skipped, ..Self::ok(check, found) };
        }
        Self::problem(check, error.to_string(), "See what `ready` says, and the server's log.")
    }

    /// The check was not made, since the server answers no reads.
    pub fn unanswered(check: &'static str) -> Self {
        let found = "not looked at: the server answers no reads";
        Self { level: Level::Skipped, ..Self::ok(check, found) }
    }

    /// Whether there is nothing to do.
    pub fn is_good(&self) -> bool {
        self.level <= Level::Skipped
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<8} {:<16} {}", self.level, self.check, self.found)?;
        match &self.advice {
            Some(advice) => write!(f, ". {advice}"),
            None => Ok(()),
        }
    }
}

/// All that was found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The worst of it.
    pub verdict: Level,
    /// Each finding, in the order of the checks.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Of these findings.
    pub fn of(findings: Vec<Finding>) -> Self {
        let worst = findings.iter().map(|finding| finding.level).filter(|l| *l != Level::Skipped);
        Self { verdict: worst.max().unwrap_or(Level::Ok), findings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::refusal::Refusal;

    #[test]
    fn the_worst_finding_is_the_verdict() {
        let (ok, warning) = (Finding::ok("a", "x"), Finding::warning("b", "y", "Do."));
        let problem = Finding::problem("c", "z", "Do.");
        let skipped = Finding::not_made("d", &Refusal::new(403, b"", None).into());
        let code = |findings: &[&Finding]| {
            Report::of(findings.iter().copied().cloned().collect()).verdict.exit_code()
        };
        assert_eq!(code(&[]), 0);
        assert_eq!(code(&[&ok, &skipped]), 0);
        assert_eq!(code(&[&ok, &warning, &skipped]), 1);
        assert_eq!(code(&[&problem, &warning]), 2);
    }

    #[test]
    fn a_finding_is_a_line_that_ends_with_what_to_do() {
        let finding = Finding::warning("instances", "none reports", "Give the filter to an Envoy.");
        assert_eq!(
            finding.to_string(),
            "warning  instances        none reports. Give the filter to an Envoy."
        );
        assert_eq!(Finding::ok("ready", "yes").to_string(), "ok       ready            yes");
    }

    #[test]
    fn what_could_not_be_asked_is_a_problem_unless_the_token_forbids_it() {
        let away = CliError::Unreachable("gone".to_owned());
        assert_eq!(Finding::not_made("x", &away).level, Level::Problem);
        let forbidden = CliError::from(Refusal::new(403, b"", None));
        assert_eq!(Finding::not_made("x", &forbidden).level, Level::Skipped);
    }
}
