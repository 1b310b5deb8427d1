//! Every format says the same.

use serde_json::Value;

use super::client::{Row, a_row, read, read_as, row, rows, write};
use crate::fas::{Fas, directory};

const NDJSON: &str = "application/x-ndjson";
const CSV: &str = "text/csv";

/// More flows than fit one piece of an answer, some with names that formats must quote.
fn many_rows() -> Vec<Row> {
    let strange = ["a,b", "a\"b", "\"", "a b ", "a\\b", "ü", "=1+1", "日本", "'", "a;b"];
    let mut rows: Vec<Row> =
        strange.iter().map(|name| a_row(7, name, "x\"y,", "v", 1, 2)).collect();
    let plain =
        (0..12_000).map(|n| a_row(7 + n % 2, &format!("app-{n:06}"), "b", "v", n.into(), 1));
    rows.extend(plain);
    rows.push(a_row(7, "big", "b", "v", i64::MAX as u64, i64::MAX as u64));
    rows.sort();
    rows
}

fn of_ndjson(body: &[u8]) -> Vec<Row> {
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| row(&serde_json::from_slice::<Value>(line).unwrap())).collect()
}

fn of_csv(body: &[u8]) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(body);
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(header.join(","), "src_app,dest_app,vpc_id,bytes_tx,bytes_rx,hour");
    let records = reader.deserialize::<(String, String, String, u64, u64, u32)>();
    records
        .map(Result::unwrap)
        .map(|(src, dest, vpc, tx, rx, hour)| (hour, src, dest, vpc, tx, rx))
        .collect()
}

#[cfg(feature = "arrow")]
fn of_arrow(body: &[u8]) -> Vec<Row> {
    use arrow_array::cast::AsArray;
    use arrow_array::types::{UInt32Type, UInt64Type};

    let mut rows = Vec::new();
    for batch in arrow_ipc::reader::StreamReader::try_new(body, None).unwrap() {
        let batch = batch.unwrap();
        let text = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>().clone();
        let bytes =
            |name: &str| batch.column_by_name(name).unwrap().as_primitive::<UInt64Type>().clone();
        let hours = batch.column_by_name("hour").unwrap().as_primitive::<UInt32Type>();
        let names = ["src_app", "dest_app", "vpc_id"].map(text);
        let counters = ["bytes_tx", "bytes_rx"].map(bytes);
        for n in 0..batch.num_rows() {
            let [src, dest, vpc] = [0, 1, 2].map(|name| names[name].value(n).to_owned());
            let [tx, rx] = [0, 1].map(|counter| counters[counter].value(n));
            rows.push((hours.value(n), src, dest, vpc, tx, rx));
        }
    }
    rows
}

#[test]
fn all_formats_give_the_same_flows() {
    let data = directory();
    let fas = Fas::start(data.path());
    let all = many_rows();
    write(&fas, &all);
    let ndjson = read_as(&fas, "/v1/flows?from=0", NDJSON);
    assert_eq!(ndjson.header("content-type"), Some(NDJSON));
    assert!(ndjson.body.ends_with(b"}\n"));
    assert_eq!(of_ndjson(&ndjson.body), all);
    let csv = read_as(&fas, "/v1/flows?from=0", CSV);
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(csv.body.ends_with(b"\r\n"));
    assert_eq!(of_csv(&csv.body), all);
    #[cfg(feature = "arrow")]
    {
        let kind = "application/vnd.apache.arrow.stream";
        let arrow = read_as(&fas, "/v1/flows?from=0", kind);
        assert_eq!(arrow.header("content-type"), Some(kind));
        assert_eq!(of_arrow(&arrow.body), all);
        assert_eq!(of_arrow(&read_as(&fas, "/v1/flows?hour=1", kind).body), []);
        assert_eq!(of_arrow(&read_as(&fas, "/v1/flows?hour=7&limit=3", kind).body), all[..3]);
    }
    let json = read(&fas, "/v1/flows?from=0&limit=10000");
    assert_eq!(rows(&json.json()), all[..10_000]);
    let first: Vec<_> = all.iter().filter(|row| row.0 == 7).cloned().collect();
    assert_eq!(rows(&read(&fas, "/flows?hour=7").json()), first);
}

#[test]
fn nothing_is_well_formed_too() {
    let data = directory();
    let fas = Fas::start(data.path());
    let json = read(&fas, "/v1/flows?hour=1");
    assert_eq!(json.text(), r#"{"flows":[],"next_cursor":null,"complete":null}"#);
    assert_eq!(json.header("vary"), Some("accept"));
    assert_eq!(read_as(&fas, "/v1/flows?hour=1", NDJSON).text(), "");
    let csv = read_as(&fas, "/v1/flows?hour=1", CSV);
    assert_eq!(csv.text(), "src_app,dest_app,vpc_id,bytes_tx,bytes_rx,hour\r\n");
    assert_eq!(read(&fas, "/flows?hour=1").text(), "[]");
}

#[test]
fn documents_give_the_same_rows_in_every_format() {
    let data = directory();
    let fas = Fas::start(data.path());
    write(&fas, &[a_row(1, "a,\"b", "c", "v", 1, 2), a_row(2, "d", "c", "v", 3, 4)]);
    for (path, member) in [
        ("/v1/hours", "hours"),
        ("/v1/hints?field=src_app", "hints"),
        ("/v1/summary?from=0&group_by=src_app,hour", "rows"),
    ] {
        let document = read(&fas, path).json();
        let expected = document[member].as_array().unwrap();
        let ndjson = read_as(&fas, path, NDJSON);
        let lines = ndjson.text().lines();
        let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(&lines, expected, "{path}");
        let csv = read_as(&fas, path, CSV);
        let mut reader = csv::Reader::from_reader(csv.body.as_slice());
        let header = reader.headers().unwrap().clone();
        let records: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(records.len(), expected.len());
        for (record, row) in records.iter().zip(expected) {
            for (name, field) in header.iter().zip(record) {
                let value = match &row[name] {
                    Value::String(text) => text.clone(),
                    Value::Null => String::new(),
                    other => other.to_string(),
                };
                assert_eq!(field, value, "{path} {name}");
            }
            assert_eq!(row.as_object().unwrap().len(), record.len());
        }
    }
}
