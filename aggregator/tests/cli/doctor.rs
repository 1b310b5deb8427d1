//! `fas doctor` against who is not `fas`, and against one whose store is away: it says so once.

use serde_json::Value;

use crate::fake::Fake;
use crate::program::fas;

/// What the doctor says: its exit code, and of each finding the check and its level.
fn visit(fake: &Fake) -> (i32, Vec<(String, String)>, Value) {
    let run = fas(&fake.url, &["doctor", "--output", "json"]);
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    let findings = document["findings"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let levels = findings.map(|found| (text(&found["check"]), text(&found["level"]))).collect();
    (run.code, levels, document)
}

fn prepare(fake: &Fake, title: &str) {
    let description =
        format!(r#"{{"info":{{"title":"{title}","version":"{}"}}}}"#, env!("CARGO_PKG_VERSION"));
    let mut memory = fake.memory();
    memory.prepared.insert(("/healthz", "*/*"), "ok".to_owned());
    memory.prepared.insert(("/readyz", "*/*"), "ok".to_owned());
    memory.prepared.insert(("/openapi.json", "application/json"), description);
}

#[test]
fn who_is_not_fas_is_asked_for_nothing_else() {
    let fake = Fake::start();
    prepare(&fake, "A petstore");
    for _ in 0..2 {
        let (code, levels, document) = visit(&fake);
        assert_eq!(code, 2);
        let levels: Vec<_> = levels.iter().map(|(c, l)| (c.as_str(), l.as_str())).collect();
        assert_eq!(levels, [("reachable", "ok"), ("version", "problem")], "{document}");
        // Nor who has nothing of the kind.
        fake.memory().prepared.remove(&("/openapi.json", "application/json"));
    }
}

#[test]
fn a_store_that_answers_no_reads_is_told_once() {
    let fake = Fake::start();
    prepare(&fake, "Flow Aggregation Service");
    fake.memory().unavailable = Some("/v1/");
    let (code, levels, document) = visit(&fake);
    assert_eq!(code, 2);
    let of = |wanted: &str| levels.iter().filter(|(_, level)| level == wanted).collect::<Vec<_>>();
    assert_eq!(of("problem").len(), 1, "{document}");
    assert_eq!(of("problem")[0].0, "access", "{document}");
    assert_eq!(of("skipped").len(), 7, "{document}");
    let access = document["findings"].as_array().unwrap().iter().find(|f| f["check"] == "access");
    let access = access.unwrap();
    assert!(access["found"].as_str().unwrap().contains("the store cannot be read"), "{access}");
    assert!(access["advice"].as_str().unwrap().contains("log"), "{access}");
    // Each of these takes as long as the store's patience.
    let asked = fake.memory().asked.iter().filter(|path| path.starts_with("/v1/")).count();
    assert_eq!(asked, 1, "{:?}", fake.memory().asked);
}
