//! Golden files: a part of what happened, kept in a file, compared with it, or written anew.

use std::{fmt::Write, path::Path};

use similar::TextDiff;

use super::{Runner, StepError};
use crate::{
    callouts::record::CalloutRecord,
    scenario::expect::{GoldenExpect, GoldenPart},
    timeline::EventKind,
};

impl Runner<'_> {
    pub(super) fn check_golden(
        &mut self,
        expect: &GoldenExpect,
    ) -> Result<Option<String>, StepError> {
        let folder = self.scenario.file.as_ref().and_then(|file| file.parent());
        let path = folder.unwrap_or(Path::new("")).join(&expect.file);
        let found = self.part(expect.of);
        let failed = |error| StepError::Golden { path: path.clone(), error };
        if self.options.update {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(failed)?;
            }
            std::fs::write(&path, found).map_err(failed)?;
            self.report.written.push(path);
            return Ok(None);
        }
        let expected = match std::fs::read_to_string(&path) {
            Ok(expected) => expected,
            Err(error) => {
                let path = path.display();
                return Ok(Some(format!("{path}: {error}; `--update` writes it")));
            }
        };
        Ok((expected != found).then(|| difference(&path, &expected, &found)))
    }

    fn part(&self, part: GoldenPart) -> String {
        let timeline = self.host.timeline();
        let lines = |is_wanted: &dyn Fn(&EventKind) -> bool| {
            let events = timeline.iter().filter(|event| is_wanted(&event.kind));
            events.map(|event| format!("{event}\n")).collect::<String>()
        };
        match part {
            GoldenPart::Timeline => lines(&|_| true),
            GoldenPart::Logs => lines(&|kind| matches!(kind, EventKind::Log { .. })),
            GoldenPart::Callouts => self.host.callouts().iter().map(callout).collect(),
            GoldenPart::Metrics => {
                let metrics = self.host.metrics();
                metrics.iter().map(|(name, metric)| format!("{name} {}\n", metric.value)).collect()
            }
        }
    }
}

/// A call as a golden file has it: what was sent, and what came of it.
fn callout(record: &CalloutRecord) -> String {
    let mut text = format!(
        "{}  {}  call {} to {}, fault {}, delivered {} times, {}\n",
        record.sent_at,
        record.thread,
        record.token,
        record.cluster,
        record.fault,
        record.deliveries,
        record.outcome
    );
    for (name, value) in &record.request.headers {
        let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
        // Writing to a text does not fail.
        let _written = writeln!(text, "    {name}: {value}");
    }
    let _written = writeln!(text, "    {}", String::from_utf8_lossy(&record.request.body));
    text
}

fn difference(path: &Path, expected: &str, found: &str) -> String {
    let diff = TextDiff::from_lines(expected, found);
    let shown = diff.unified_diff().context_radius(2).header("expected", "found").to_string();
    let shown = shown.trim_end().replace('\n', "\n    ");
    format!("{} differs; `--update` writes it anew:\n    {shown}", path.display())
}
