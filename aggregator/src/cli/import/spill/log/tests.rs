use super::*;

const BATCH: &str = r#"{"version":1,"instance":"i","sequence":1,"reporter":"source","watermark_ms":0,"lost_bytes":0,"folded_bytes":0,"hours":[{"hour":1,"flows":[["a","b","v",1,2]]}]}"#;

fn batch(instance: &str, sequence: u64) -> String {
    BATCH
        .replace(r#""i""#, &format!("{instance:?}"))
        .replace(r#""sequence":1"#, &format!(r#""sequence":{sequence}"#))
}

fn line(body: &str) -> String {
    format!("wasm log f: {SPILL_MARK}{body}\n")
}

fn find_in(log: &str, max_bytes: usize) -> Log {
    let mut finds = Finds::default();
    finds.read(log.as_bytes(), "log", max_bytes).unwrap();
    finds.sorted()
}

fn find(log: &str) -> Log {
    find_in(log, MAX_SPILL_LINE_BYTES)
}

/// Of each instance: what can be sent, and what is held back.
fn sequences(log: &Log) -> Vec<(&str, Vec<u64>, Vec<u64>)> {
    let of = |batches: &[Batch]| batches.iter().map(|batch| batch.sequence).collect();
    let each = |one: &Waiting| (of(one.sendable().as_slice()), of(one.held_back()));
    log.instances.iter().map(|one| (one.id.as_str(), each(one).0, each(one).1)).collect()
}

fn faults(log: &Log) -> Vec<String> {
    log.faults.iter().map(|fault| format!("{}: {}", fault.place, fault.reason)).collect()
}

#[test]
fn batches_are_found_in_plain_logs_in_json_and_in_what_containers_make_of_both() {
    let text = format!("[1][warning][wasm] wasm log flow_filter: {SPILL_MARK}{BATCH}");
    let json = serde_json::json!({"level": "warning", "msg": format!("{text}\tthread=1")});
    let docker = serde_json::json!({"log": format!("{json}\n"), "stream": "stderr"});
    let cri = format!("2026-11-24T12:00:00Z stderr F {json}");
    for found in [format!("{text}\r"), json.to_string(), docker.to_string(), cri] {
        let log = find(&format!("x\n{found}\n{{\"msg\":\"y\"}}\n"));
        let batch = &log.instances[0].batches[0];
        assert_eq!((batch.place.to_string().as_str(), &*batch.body), ("log: line 2", BATCH));
        assert_eq!((batch.flows, batch.bytes), (1, 3));
        assert!(log.faults.is_empty());
    }
}

#[test]
fn what_came_first_is_sent_first_whatever_file_it_is_in_and_each_once() {
    let mut finds = Finds::default();
    for (name, sequences) in [("new", [12, 3]), ("old", [2, 1]), ("copy", [12, 1])] {
        let log: String = sequences.map(|sequence| line(&batch("i", sequence))).concat();
        finds.read(log.as_bytes(), name, MAX_SPILL_LINE_BYTES).unwrap();
    }
    assert_eq!(sequences(&finds.sorted()), [("i", vec![1, 2, 3, 12], vec![])]);
}

#[test]
fn what_a_request_brings_into_an_access_log_is_no_batch() {
    let claim = format!("wasm log flow_filter: {SPILL_MARK}{BATCH}");
    let json = serde_json::json!({"user_agent": claim, "path": claim});
    let log = find(&format!("{json}\n[1] \"GET / HTTP/1.1\" \"{claim}\"\n"));
    assert!(log.instances.is_empty() && log.faults.is_empty());
}

#[test]
fn after_a_batch_that_is_not_whole_its_instances_later_ones_are_held_back() {
    let cut = batch("a", 3);
    let cut = &cut[..cut.len() - 9];
    let log: String = [batch("a", 4), batch("b", 9), cut.to_owned(), batch("a", 2), batch("a", 5)]
        .iter()
        .map(|body| line(body))
        .collect();
    let found = find(&log);
    assert_eq!(sequences(&found), [("a", vec![2], vec![4, 5]), ("b", vec![9], vec![])]);
    let faults = faults(&found);
    assert_eq!(faults.len(), 1);
    assert!(faults[0].starts_with("log: line 3: the batch is not whole: "), "{faults:?}");

    // It is whole somewhere else.
    let mended = find(&format!("{log}{}", line(&batch("a", 3))));
    assert_eq!(sequences(&mended), [("a", vec![2, 3, 4, 5], vec![]), ("b", vec![9], vec![])]);
    assert!(mended.faults.is_empty());
}

#[test]
fn a_sequence_that_is_cut_off_may_be_any_and_an_instance_nobodys() {
    let others = format!("{}{}", line(&batch("a", 1)), line(&batch("b", 1)));
    // Of sequence 12, a 1 is left.
    let cut = r#"{"version":1,"instance":"a","sequence":1"#;
    let found = find(&format!("{others}{}", line(cut)));
    assert_eq!(sequences(&found), [("a", vec![], vec![1]), ("b", vec![1], vec![])]);
    assert_eq!(found.faults.len(), 1);
    let found = find(&format!("{others}{}", line(r#"{"version":1,"insta"#)));
    assert_eq!(sequences(&found), [("a", vec![1], vec![]), ("b", vec![1], vec![])]);
    assert_eq!(found.faults.len(), 1);
}

#[test]
fn a_line_beyond_the_bound_is_told_and_its_batch_is_missing() {
    let lines = [line(&batch("a", 1)), line(&batch("a", 2))].concat();
    let longest = line(&batch("a", 1)).len() - 1;
    assert_eq!(sequences(&find_in(&lines, longest)), [("a", vec![1, 2], vec![])]);
    let found = find_in(&lines.replacen('\n', " \n", 1), longest);
    assert_eq!(sequences(&found), [("a", vec![], vec![2])]);
    assert_eq!(faults(&found), [format!("log: line 1: the line is longer than {longest} bytes")]);
}
