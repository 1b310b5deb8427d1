//! Importing files, once and again.

use std::fs;

use tempfile::TempDir;

use crate::fake::{Fake, REFUSED_APP, flow_line};
use crate::program::{command, fas, run_with_input};

/// A directory with files to import.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// Flows that each moved one byte more than the one before: their sum tells what is there.
fn lines(count: usize) -> String {
    (0..count).map(|n| flow_line(n, &format!("app-{n}"))).collect()
}

fn sum(count: usize) -> u64 {
    (0..count as u64).sum()
}

#[test]
fn an_import_is_done_once_however_often_and_in_whatever_format_it_is_run() {
    let (fake, files) = (Fake::start(), Files::new());
    let ndjson = lines(2_500);
    let first = fas(&fake.url, &["import", &files.file("a.ndjson", &ndjson)]).good();
    assert_eq!(first, "imported 2500 flows (0 chunks were there already)\n");
    assert_eq!(fake.bytes_tx(), sum(2_500));

    let array = format!("[\n{}\n]", ndjson.trim_end().replace('\n', ",\n"));
    let mut csv = "hour,src_app,dest_app,vpc_id,bytes_rx,bytes_tx\n".to_owned();
    csv.extend((0..2_500).map(|n| format!("7,app-{n},d,v,2,{n}\n")));
    for file in [
        files.file("a.ndjson", &ndjson),
        files.file("b.json", &array),
        files.file("c.csv", &csv),
        files.file("d", &format!("\u{feff}{csv}")),
    ] {
        let again = fas(&fake.url, &["import", &file]).good();
        assert_eq!(again, "imported 0 flows (3 chunks were there already)\n", "{file}");
    }
    let mut piped = command(&["import", "-", "--url", &fake.url]);
    let again = run_with_input(&mut piped, &array).good();
    assert_eq!(again, "imported 0 flows (3 chunks were there already)\n");
    assert_eq!(fake.bytes_tx(), sum(2_500));

    let on_purpose = ["import", &files.file("c.csv", &csv), "--label", "again"];
    fas(&fake.url, &on_purpose).good();
    assert_eq!(fake.bytes_tx(), 2 * sum(2_500));
}

#[test]
fn what_is_listed_can_be_imported() {
    let (fake, copy, files) = (Fake::start(), Fake::start(), Files::new());
    fake.fill(1_001);
    for form in ["json", "ndjson", "csv"] {
        let listed = fas(&fake.url, &["flows", "--from", "0", "--output", form]).good();
        let file = files.file("listed", &listed);
        fas(&copy.url, &["import", &file, "--label", form]).good();
    }
    assert_eq!(copy.bytes_tx(), 3 * fake.bytes_tx());
}

#[test]
fn a_server_that_is_busy_or_loses_answers_gets_each_chunk_once() {
    let (fake, files) = (Fake::start(), Files::new());
    {
        let mut memory = fake.memory();
        memory.refusals.extend([503, 429, 408]);
        memory.lost_answers = 2;
    }
    fas(&fake.url, &["import", &files.file("a.ndjson", &lines(4_500))]).good();
    assert_eq!(fake.bytes_tx(), sum(4_500));
}

#[test]
fn a_fault_of_the_input_is_named_and_what_is_before_is_in() {
    let (fake, files) = (Fake::start(), Files::new());
    let good = lines(2_500);
    let bad = good.replacen("\"bytes_tx\":2100,", "\"bytes_tx\":-1,", 1);
    let error = fas(&fake.url, &["import", &files.file("a.ndjson", &bad)]).error(1);
    assert!(error.contains("a.ndjson: index 2100 (line 2101), field bytes_tx: "), "{error}");
    assert!(error.contains("chunks 0 to 1 of 1000 flows each are imported, and nothing else"));
    assert_eq!(fake.bytes_tx(), sum(2_000));
    let corrected = fas(&fake.url, &["import", &files.file("a.ndjson", &good)]).good();
    assert_eq!(corrected, "imported 500 flows (2 chunks were there already)\n");
    assert_eq!(fake.bytes_tx(), sum(2_500));

    let csv = "src_app,dest_app,vpc_id,bytes_tx,bytes_rx,hour\na,b,v,1,2,3\n\na,b,,1,2,3\n";
    let error = fas(&fake.url, &["import", &files.file("a.csv", csv)]).error(1);
    assert!(error.contains("index 1 (line 4), field vpc_id: must not be empty"), "{error}");
    assert!(error.contains("nothing is imported"), "{error}");
}

#[test]
fn a_refusal_is_named_by_its_place_in_the_whole_file() {
    let (fake, files) = (Fake::start(), Files::new());
    let good = lines(3_000);
    let bad = good.replacen("\"app-1234\"", &format!("\"{REFUSED_APP}\""), 1);
    let file = files.file("a.ndjson", &bad);
    let error = fas(&fake.url, &["import", &file, "--parallel", "1"]).error(1);
    assert!(error.contains("index 1234 (line 1235), field bytes_tx: the server says 409"));
    assert!(error.contains("chunk 0 of 1000 flows each are imported, and nothing else"), "{error}");
    assert_eq!(fake.bytes_tx(), sum(1_000));
    fas(&fake.url, &["import", &files.file("a.ndjson", &good)]).good();
    assert_eq!(fake.bytes_tx(), sum(3_000));
}

#[test]
fn nothing_to_import_is_no_error_but_no_file_is() {
    let (fake, files) = (Fake::start(), Files::new());
    for empty in ["", "[]", "\n"] {
        let none = fas(&fake.url, &["import", &files.file("empty", empty)]).good();
        assert_eq!(none, "imported 0 flows (0 chunks were there already)\n");
    }
    assert!(fas(&fake.url, &["import", "/nonexistent"]).error(1).contains("/nonexistent"));
    fake.memory().token = Some("t".to_owned());
    let denied = fas(&fake.url, &["import", &files.file("a.ndjson", &lines(1))]).error(3);
    assert!(denied.contains("chunk 0 (indexes 0 to 0): the server says 401"), "{denied}");
}
