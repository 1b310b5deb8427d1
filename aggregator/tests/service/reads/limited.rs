//! What a token that is limited to a VPC sees, in every read.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use super::client::{a_row, rows};
use crate::fas::{Fas, agent, command, directory};

/// Makes a token; gives its text.
fn token(file: &Path, arguments: &[&str]) -> String {
    let all = [&["token", "create", "--tokens", file.to_str().unwrap()], arguments].concat();
    let made = command(&all).stdout(Stdio::piped()).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

/// The status of a read, and its document.
fn get(fas: &Fas, path: &str, token: &str) -> (u16, Value) {
    let request = agent().get(fas.url(path)).header("authorization", format!("Bearer {token}"));
    let mut response = request.call().unwrap();
    let body = response.body_mut().read_to_vec().unwrap();
    (response.status().as_u16(), serde_json::from_slice(&body).unwrap())
}

#[test]
fn a_limited_token_reads_its_own_vpc_alone() {
    let data = directory();
    let tokens = data.path().join("tokens.toml");
    let all = token(&tokens, &["--name", "all", "--scope", "admin"]);
    let mine = token(&tokens, &["--name", "mine", "--scope", "read", "--vpc-id", "mine"]);
    let arguments = ["--listen", "127.0.0.1:0", "--tokens", tokens.to_str().unwrap()];
    let fas = Fas::start_with(&data.path().join("data"), &arguments);
    let flow = |vpc: &str, hour: u32| {
        serde_json::json!({"src_app": format!("app-{vpc}"), "dest_app": "b", "vpc_id": vpc,
                           "bytes_tx": 1, "bytes_rx": 2, "hour": hour})
    };
    let body = serde_json::json!([flow("mine", 1), flow("other", 1), flow("other", 2)]);
    let write = agent().post(fas.url("/flows")).header("content-type", "application/json");
    let write = write.header("authorization", format!("Bearer {all}"));
    assert_eq!(write.send(body.to_string()).unwrap().status(), 200);

    let own = [a_row(1, "app-mine", "b", "mine", 1, 2)];
    for path in ["/flows?hour=1", "/v1/flows?from=0", "/v1/flows?from=0&vpc_id=*"] {
        assert_eq!(rows(&get(&fas, path, &mine).1), own, "{path}");
    }
    assert_eq!(rows(&get(&fas, "/v1/flows?from=0&vpc_id=other", &mine).1), []);
    assert_eq!(rows(&get(&fas, "/v1/flows?from=0", &all).1).len(), 3);
    let (_, summary) = get(&fas, "/v1/summary?from=0&group_by=vpc_id", &mine);
    assert_eq!((&summary["total"]["flows"], &summary["total"]["groups"]), (&1.into(), &1.into()));
    let (_, hours) = get(&fas, "/v1/hours", &mine);
    assert_eq!(hours["hours"].as_array().unwrap().len(), 1);
    let (_, hints) = get(&fas, "/v1/hints?field=src_app", &mine);
    assert_eq!(hints["hints"].as_array().unwrap().len(), 1);
    let (_, audit) = get(&fas, "/v1/audit?from=0&include=one_sided", &mine);
    assert_eq!(audit["total"]["flows"], 1);
    let (status, told) = get(&fas, "/v1/completeness?hour=1", &mine);
    let known = serde_json::json!({"hour": 1, "complete": null, "reasons": ["not_remembered", "not_witnessed"]});
    assert_eq!((status, told), (200, known), "nothing of instances");
    assert!(get(&fas, "/v1/completeness?hour=1", &all).1["instances"].is_object());
    assert_eq!(get(&fas, "/v1/instances", &mine).0, 403);
    assert_eq!(get(&fas, "/v1/instances", &all).0, 200);
    assert_eq!(get(&fas, "/v1/flows?from=0", "fas_wrong").0, 401);
    // A cursor made for one who sees all is of another selection.
    let (_, page) = get(&fas, "/v1/flows?from=0&limit=1", &all);
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(get(&fas, &format!("/v1/flows?from=0&cursor={cursor}"), &mine).0, 400);
}
