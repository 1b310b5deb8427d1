//! The commands that read, and how commands end.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Stdio;

use serde_json::Value;

use crate::fake::Fake;
use crate::program::{command, fas, run};

#[test]
fn flows_are_listed_over_all_pages_in_every_form() {
    let fake = Fake::start();
    fake.fill(10_001);
    let list = |form: &str| fas(&fake.url, &["flows", "--hour", "7", "--output", form]).good();
    let lines = list("ndjson");
    assert_eq!(lines.lines().count(), 10_001);
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let array: Vec<Value> = serde_json::from_str(&list("json")).unwrap();
    assert_eq!(array, rows);
    let csv = list("csv");
    assert_eq!(csv.lines().next().unwrap(), "src_app,dest_app,vpc_id,bytes_tx,bytes_rx,hour");
    assert_eq!(csv.lines().nth(10_001).unwrap(), "app-10000,d,v,10000,2,7");
    assert_eq!(csv.lines().count(), 10_002);
    let table = list("table");
    assert_eq!(table.lines().next().unwrap(), "Flows of hour 7");
    assert_eq!(table.lines().count(), 10_003, "a heading, titles, and a line for each flow");
    assert_eq!(
        table.lines().last().unwrap(),
        "   7  app-10000  d            v    10.0 kB       2 B"
    );
    assert!(!table.contains('\x1b'), "no styles without a terminal");
}

#[test]
fn a_limit_is_kept_across_pages() {
    let fake = Fake::start();
    fake.fill(2_500);
    for (limit, lines) in [("3", 3), ("1001", 1_001), ("9999", 2_500)] {
        let arguments = ["flows", "--from=7", "--limit", limit, "--output", "ndjson"];
        assert_eq!(fas(&fake.url, &arguments).good().lines().count(), lines);
    }
    let table = fas(&fake.url, &["flows", "--from=7", "--limit", "1001", "--bytes"]).good();
    assert_eq!(table.lines().count(), 1_003);
    assert!(table.ends_with(" 1000         2\n"), "{table}");
    let asked = fake.memory().asked.last().unwrap().clone();
    assert_eq!(asked, "/v1/flows?from=7&limit=1&cursor=1000");
}

#[test]
fn nothing_is_said_to_be_nothing() {
    let fake = Fake::start();
    let table = fas(&fake.url, &["flows"]).good();
    assert!(table.starts_with("Flows of hour ") && table.contains(", the current one"), "{table}");
    assert!(table.ends_with("There is nothing.\n"), "{table}");
    let array = fas(&fake.url, &["flows", "-o", "json"]).good();
    assert_eq!(serde_json::from_str::<Vec<Value>>(&array).unwrap(), [] as [Value; 0]);
}

#[test]
fn a_reader_that_has_enough_ends_it_well() {
    let fake = Fake::start();
    fake.fill(10_001);
    for form in ["table", "ndjson", "json", "csv"] {
        let mut child = command(&["flows", "--from", "0", "--output", form])
            .env("FAS_URL", &fake.url)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()), "{form}");
    }
}

#[test]
fn top_shows_shares_and_the_rest() {
    let fake = Fake::start();
    let rows = [
        r#"{"src_app":"a","bytes_tx":75,"bytes_rx":0,"bytes_total":75,"flows":1,"groups":1}"#,
        r#"{"src_app":"_rest","bytes_tx":25,"bytes_rx":0,"bytes_total":25,"flows":3,"groups":2}"#,
    ];
    let total = r#"{"bytes_tx":100,"bytes_rx":0,"bytes_total":100,"flows":4,"groups":3}"#;
    let document = format!(r#"{{"rows":[{},{}],"total":{total}}}"#, rows[0], rows[1]);
    let lines = format!("{}\n{}\n", rows[0], rows[1]);
    let mut memory = fake.memory();
    memory.prepared.insert(("/v1/summary", "application/json"), document);
    memory.prepared.insert(("/v1/summary", "application/x-ndjson"), lines.clone());
    drop(memory);
    let arguments = ["top", "--hour=7", "--by=src_app", "--order=bytes_tx", "--src-app=a*"];
    let table = fas(&fake.url, &arguments).good();
    let expected = "\
Top of hour 7, by bytes_tx
SOURCE     SENT  RETURNED  TOTAL  FLOWS   SHARE
a          75 B       0 B   75 B      1   75.0%  █████████
(2 more)   25 B       0 B   25 B      3   25.0%
total     100 B       0 B  100 B      4  100.0%
";
    assert_eq!(table, expected);
    let asked = fake.memory().asked.last().unwrap().clone();
    let query = "hour=7&src_app=a*&group_by=src_app&order_by=bytes_tx&limit=20";
    assert_eq!(asked, format!("/v1/summary?{query}"));
    assert_eq!(fas(&fake.url, &["top", "-o", "ndjson"]).good(), lines);
}

#[test]
fn hours_and_instances_are_listed() {
    let fake = Fake::start();
    let hour = r#"{"hour":7,"start":"1970-01-01T07:00:00Z","flows":2,"bytes_tx":1500,"bytes_rx":0,"bytes_total":1500,"complete":true}"#;
    let instance = r#"{"id":"i-1","sequence":3,"reporter":"source","watermark_ms":1000,"lost_bytes":0,"folded_bytes":0,"last_seen":"1970-01-01T00:00:02.000Z"}"#;
    let mut memory = fake.memory();
    memory.prepared.insert(("/v1/hours", "application/x-ndjson"), format!("{hour}\n"));
    memory.prepared.insert(("/v1/instances", "application/x-ndjson"), format!("{instance}\n"));
    drop(memory);
    let hours = fas(&fake.url, &["hours"]).good();
    let last = hours.lines().last().unwrap();
    assert_eq!(last, "   7  1970-01-01 07:00      2  1.50 kB       0 B  1.50 kB  yes");
    assert_eq!(fake.memory().asked.last().unwrap(), "/v1/hours");
    let instances = fas(&fake.url, &["instances", "-o", "json"]).good();
    let rows: Vec<Value> = serde_json::from_str(&instances).unwrap();
    assert_eq!(rows[0]["id"], "i-1");
}

#[test]
fn disagreements_are_listed() {
    let fake = Fake::start();
    let row = r#"{"hour":7,"src_app":"a","dest_app":"b","vpc_id":"v","reported_by":"both","source_bytes_tx":10,"source_bytes_rx":0,"destination_bytes_tx":4,"destination_bytes_rx":0,"difference_bytes":6}"#;
    fake.memory().prepared.insert(("/v1/audit", "application/x-ndjson"), format!("{row}\n"));
    let table = fas(&fake.url, &["audit", "--hour=7", "--vpc-id=v", "--one-sided"]).good();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "Flows whose sides disagree, of hour 7");
    let cells: Vec<&str> = lines[2].split_whitespace().collect();
    assert_eq!(cells.join(" "), "7 a b v both 10 B 4 B 0 B 0 B 6 B");
    let asked = fake.memory().asked.last().unwrap().clone();
    assert_eq!(asked, "/v1/audit?hour=7&vpc_id=v&include=one_sided&limit=100");
    let lines = fas(&fake.url, &["audit", "--hour=7", "--limit=5", "-o", "ndjson"]).good();
    assert_eq!(lines, format!("{row}\n"));
    assert_eq!(fake.memory().asked.last().unwrap(), "/v1/audit?hour=7&limit=5");
}

#[test]
fn one_side_is_asked_for_alone() {
    let fake = Fake::start();
    fake.fill(1);
    fas(&fake.url, &["flows", "--hour=7", "--reporter=source", "-o", "ndjson"]).good();
    let asked = fake.memory().asked.last().unwrap().clone();
    assert_eq!(asked, "/v1/flows?hour=7&reporter=source&limit=10000");
    assert_eq!(fas(&fake.url, &["flows", "--reporter", "both"]).code, 2);
    assert_eq!(fas(&fake.url, &["audit", "--reporter", "source"]).code, 2);
}

#[test]
fn a_busy_server_is_asked_again() {
    let fake = Fake::start();
    fake.fill(1);
    fake.memory().refusals.extend([503, 429]);
    assert_eq!(fas(&fake.url, &["flows", "-o", "ndjson"]).good().lines().count(), 1);
}

#[test]
fn the_exit_code_tells_who_said_no() {
    let fake = Fake::start();
    fake.memory().refusals.extend([400]);
    let refused = fas(&fake.url, &["flows"]);
    assert_eq!(refused.stdout, "");
    assert_eq!(refused.error(1), "fas: the server says 400 Bad Request: not now\n");
    let nobody = fas("http://127.0.0.1:1", &["flows"]).error(1);
    assert!(nobody.contains("http://127.0.0.1:1: ") && nobody.contains("refused"), "{nobody}");
    for usage in [
        &["flows", "--hour", "yesterday"][..],
        &["flows", "--hour", "1", "--from", "0"],
        &["flows", "--to", "-1000000000w"],
        &["flows", "--token", "secret"],
        &["flows", "--url", "127.0.0.1:8080"],
        &["flows", "--ca", "/nonexistent"],
        &["top", "--by", "colour"],
        &["tail", "--output", "json"],
        &["import"],
    ] {
        assert_eq!(fas(&fake.url, usage).code, 2, "{usage:?}");
    }
}

#[test]
fn the_token_comes_from_a_file_or_the_environment() {
    let fake = Fake::start();
    fake.memory().token = Some("fas_good".to_owned());
    let denied = fas(&fake.url, &["flows"]).error(3);
    assert!(denied.contains("401 Unauthorized: who are you?"), "{denied}");
    let with = |token: &str, arguments: &[&str]| {
        run(command(arguments).env("FAS_URL", &fake.url).env("FAS_TOKEN", token))
    };
    with("fas_good", &["flows"]).good();
    let wrong = with("fas_secret", &["flows"]).error(3);
    assert!(!wrong.contains("secret"), "{wrong}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "fas_good\n").unwrap();
    with("fas_wrong", &["flows", "--token-file", file.path().to_str().unwrap()]).good();
}

#[test]
fn loopback_is_reached_without_the_proxy_that_others_need() {
    let fake = Fake::start();
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let proxied =
        |url: &str| run(command(&["flows"]).env("FAS_URL", url).env("HTTP_PROXY", &address));
    let asked = std::thread::spawn(move || {
        let mut line = String::new();
        BufReader::new(proxy.accept().unwrap().0).read_line(&mut line).unwrap();
        line
    });
    proxied(&fake.url).good();
    proxied("http://fas.invalid").error(1);
    assert_eq!(asked.join().unwrap().trim_end(), "CONNECT fas.invalid:80 HTTP/1.1");
}

#[test]
fn shells_get_their_completions() {
    for (shell, word) in [("bash", "_fas()"), ("zsh", "#compdef fas"), ("fish", "complete -c fas")]
    {
        let script = run(&mut command(&["completions", shell])).good();
        assert!(script.contains(word) && script.contains("import"), "{shell}: {script}");
    }
}
