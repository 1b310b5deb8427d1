//! `fas doctor` against a real service: well, ill, away, and closed to it.

use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::fas::{Fas, agent, answer, command, directory, until};

const HOUR_MS: i64 = 3_600_000;

/// What the doctor says.
#[derive(Debug)]
struct Visit {
    code: i32,
    document: Value,
}

impl Visit {
    fn pay(url: &str, token: Option<&str>) -> Self {
        let output = run(url, token, &["--output", "json"]);
        let code = output.status.code().unwrap();
        let document = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {output:?}"));
        Self { code, document }
    }

    /// The findings of a check as their levels and what was found.
    fn of(&self, check: &str) -> Vec<(&str, &str)> {
        let findings = self.document["findings"].as_array().unwrap().iter();
        let of_it = findings.filter(|finding| finding["check"] == check);
        of_it.map(|f| (f["level"].as_str().unwrap(), f["found"].as_str().unwrap())).collect()
    }

    /// The one finding of a check.
    fn one(&self, check: &str) -> (&str, &str) {
        let found = self.of(check);
        assert_eq!(found.len(), 1, "{check}: {self:?}");
        found[0]
    }

    /// The checks that found something, with their levels.
    fn complaints(&self) -> Vec<(&str, &str)> {
        let findings = self.document["findings"].as_array().unwrap().iter();
        let bad = findings.filter(|finding| finding["level"] != "ok");
        bad.map(|f| (f["check"].as_str().unwrap(), f["level"].as_str().unwrap())).collect()
    }
}

fn run(url: &str, token: Option<&str>, arguments: &[&str]) -> Output {
    let mut doctor = command(&[&["doctor", "--url", url], arguments].concat());
    if let Some(token) = token {
        doctor.env("FAS_TOKEN", token);
    }
    doctor.stdout(Stdio::piped()).output().unwrap()
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// A batch of an instance that has delivered all until now, with a flow of two hours ago.
fn batch(instance: &str) -> Value {
    let now_ms = now_ms();
    json!({"version": 1, "instance": instance, "sequence": 1, "reporter": "source",
           "watermark_ms": now_ms, "lost_bytes": 0, "folded_bytes": 0,
           "hours": [{"hour": now_ms / HOUR_MS - 2, "flows": [["a", "b", "v", 1, 2]]}]})
}

/// Delivers a batch by a clock that is ahead by so much.
fn deliver(fas: &Fas, batch: &Value, ahead_ms: i64) {
    let request = agent().post(fas.url("/v1/batches")).content_type("application/json");
    let request = request.header("sender-clock-ms", (now_ms() + ahead_ms).to_string());
    let answer = answer(request.send(batch.to_string()).unwrap());
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn a_service_that_is_well_is_told_so() {
    let data = directory();
    let fas = Fas::start_with(data.path(), &["--listen", "127.0.0.1:0", "--retain-hours", "99"]);
    deliver(&fas, &batch("i"), 0);
    let visit = Visit::pay(&fas.url(""), None);
    assert_eq!((visit.code, visit.complaints()), (0, vec![]), "{visit:?}");
    assert_eq!(visit.document["verdict"], "ok");
    assert_eq!(visit.one("version").1, format!("fas {}", env!("CARGO_PKG_VERSION")));
    assert!(visit.one("instances").1.starts_with("1 report, the latest "), "{visit:?}");
    let (_, completeness) = visit.one("completeness");
    assert_eq!(completeness, "1 of 1 hours with flows in the last 24 are complete");
    assert!(visit.one("retention").1.ends_with("; 99 are kept"), "{visit:?}");
    assert!(visit.one("limits").1.contains(" of 10000 connections"), "{visit:?}");
    assert!(visit.one("limits").1.contains(" of 2.15 GB of flows"), "{visit:?}");
    assert_eq!(fas.flows(u32::try_from(now_ms() / HOUR_MS - 2).unwrap()).len(), 1);
}

#[test]
fn nothing_is_changed_and_each_finding_is_a_line() {
    let data = directory();
    let fas = Fas::start(data.path());
    let output = run(&fas.url(""), None, &[]);
    assert_eq!(output.status.code(), Some(1), "nobody reports: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().all(|line| line.starts_with("ok ") || line.starts_with("warning ")));
    let advice = "no filter has reported yet. Give the filter to an Envoy.";
    assert!(text.lines().any(|line| line.contains(advice)), "{text}");
    assert_eq!(fas.get("/v1/hours").json()["hours"], json!([]));
    assert_eq!(fas.get("/v1/instances").json()["instances"], json!([]));
}

#[test]
fn what_is_wrong_with_filters_is_found() {
    let data = directory();
    let fas = Fas::start(data.path());
    deliver(&fas, &batch("well"), 0);
    deliver(&fas, &batch("fast"), 71_000);
    // What is reported as lost belongs to the hour in which the watermark was before.
    let mut loser = batch("loser");
    loser["watermark_ms"] = json!((now_ms() / HOUR_MS - 2) * HOUR_MS + 1);
    deliver(&fas, &loser, 0);
    let last = json!({"sequence": 2, "watermark_ms": now_ms(), "lost_bytes": 5_000,
                      "folded_bytes": 7, "hours": []});
    loser.as_object_mut().unwrap().extend(last.as_object().unwrap().clone());
    deliver(&fas, &loser, 0);
    let visit = Visit::pay(&fas.url(""), None);
    assert_eq!(visit.code, 2, "{visit:?}");
    let expected = [
        ("instance clocks", "warning"),
        ("losses", "warning"),
        ("losses", "warning"),
        ("completeness", "problem"),
    ];
    assert_eq!(visit.complaints(), expected, "{visit:?}");
    let (_, clocks) = visit.one("instance clocks");
    assert!(clocks.starts_with("1 instance is more than 10 s off, the furthest by +71."));
    assert!(clocks.ends_with(": fast"), "{clocks}");
    assert_eq!(visit.of("losses")[0].1, "1 instance has given up 5.00 kB");
    assert!(visit.one("completeness").1.contains("lost_bytes: 1, the latest "), "{visit:?}");
}

#[test]
fn an_instance_that_is_behind_is_named() {
    let data = directory();
    let fas = Fas::start(data.path());
    let mut behind = batch("behind");
    behind["watermark_ms"] = json!((now_ms() / HOUR_MS - 2) * HOUR_MS + 1);
    deliver(&fas, &behind, 0);
    let visit = Visit::pay(&fas.url(""), None);
    assert_eq!((visit.code, visit.complaints()), (1, vec![("completeness", "warning")]));
    let (_, found) = visit.one("completeness");
    assert!(found.contains("outstanding: 1") && found.ends_with("(behind)"), "{found}");
}

#[test]
fn who_is_not_there_and_who_is_not_fas_is_a_problem() {
    let data = directory();
    let mut fas = Fas::start(data.path());
    let other = Visit::pay(&fas.url("/elsewhere"), None);
    assert_eq!((other.code, other.complaints()), (2, vec![("reachable", "problem")]));
    assert!(other.one("reachable").1.contains("404"), "{other:?}");
    fas.kill();
    let away = Visit::pay(&fas.url(""), None);
    assert_eq!((away.code, away.complaints()), (2, vec![("reachable", "problem")]));
    let findings = away.document["findings"].as_array().unwrap();
    assert!(findings[0]["advice"].as_str().unwrap().contains("--url"), "{away:?}");
}

#[test]
fn tokens_are_tried_and_what_they_do_not_show_is_skipped() {
    let home = directory();
    let file = home.path().join("tokens.toml");
    let token = |name: &str, arguments: &[&str]| {
        let create = ["token", "create", "--name", name];
        let mut create = command(&[&create, arguments].concat());
        let output = create.env("FAS_TOKENS", &file).stdout(Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let admin = token("admin", &["--scope", "admin"]);
    let write = token("write", &["--scope", "write"]);
    let limited = token("limited", &["--scope", "read", "--vpc-id", "v"]);
    let path = file.to_str().unwrap();
    let data = home.path().join("data");
    let fas = Fas::start_with(&data, &["--listen", "127.0.0.1:0", "--tokens", path]);

    let nobody = Visit::pay(&fas.url(""), None);
    assert_eq!(nobody.one("access"), ("problem", "a token is needed"));
    assert_eq!((nobody.code, nobody.one("instances").0), (2, "skipped"));
    let stranger = Visit::pay(&fas.url(""), Some("fas_stranger"));
    assert_eq!(stranger.one("access"), ("problem", "the token is not known"));

    let all = Visit::pay(&fas.url(""), Some(&admin));
    assert_eq!(all.one("access"), ("ok", "read and write, of all VPCs"));
    let writer = Visit::pay(&fas.url(""), Some(&write));
    assert_eq!((writer.code, writer.one("access")), (1, ("warning", "write")));
    assert_eq!((writer.one("completeness").0, writer.one("store").0), ("skipped", "skipped"));
    let reader = Visit::pay(&fas.url(""), Some(&limited));
    assert_eq!(reader.one("access"), ("warning", "read, of some VPCs"));
    assert_eq!((reader.one("instances").0, reader.one("completeness").0), ("skipped", "warning"));

    std::fs::write(&file, "not a token file").unwrap();
    let failed = "fas_reloads_total{file=\"tokens\",outcome=\"failed\"} 1";
    until("the file has been tried", || {
        let request = agent().get(fas.url("/metrics"));
        let request = request.header("authorization", format!("Bearer {admin}"));
        answer(request.call().unwrap()).body.contains(failed)
    });
    let after = Visit::pay(&fas.url(""), Some(&admin));
    assert!(
        after.of("store").iter().any(|(level, found)| {
            *level == "warning" && found.contains("changes of tokens could not be used")
        }),
        "{after:?}"
    );
}
