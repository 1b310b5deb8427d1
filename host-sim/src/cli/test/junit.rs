//! The results as JUnit XML, as continuous integration reads it: a suite for each file.

use std::{collections::BTreeMap, fs, path::Path};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{CliError, Outcome, Tested};

pub(super) fn write(tested: &[Tested], path: &Path) -> Result<(), CliError> {
    let failed = |error| CliError::File { path: path.to_owned(), error };
    let text = report(tested).to_string().map_err(std::io::Error::other).map_err(failed)?;
    fs::write(path, text).map_err(failed)
}

fn report(tested: &[Tested]) -> Report {
    let mut suites: BTreeMap<String, TestSuite> = BTreeMap::new();
    for one in tested {
        let file = one.file.display().to_string();
        let suite = suites.entry(file.clone()).or_insert_with(|| TestSuite::new(file));
        suite.add_test_case(case(one));
    }
    let mut report = Report::new("host-sim");
    report.add_test_suites(suites.into_values());
    report
}

fn case(tested: &Tested) -> TestCase {
    let mut case = TestCase::new(tested.name.as_str(), status(&tested.outcome));
    case.set_classname(tested.file.display().to_string());
    case.set_time(tested.took);
    case
}

fn status(outcome: &Outcome) -> TestCaseStatus {
    let (kind, message, text) = match outcome {
        Outcome::Report(report) if report.passed() => return TestCaseStatus::success(),
        Outcome::Report(report) => {
            let mut text = Vec::new();
            // Writing into memory does not fail.
            let _written = report.write_failures(&mut text);
            let text = String::from_utf8_lossy(&text).into_owned();
            (NonSuccessKind::Failure, report.verdict(), text)
        }
        Outcome::Error(reason) => {
            (NonSuccessKind::Error, "it could not be run".to_owned(), reason.clone())
        }
    };
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(message);
    status.set_description(text);
    status
}
