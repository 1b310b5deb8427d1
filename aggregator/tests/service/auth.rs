//! Tokens: who gets in, how far, and what happens when the file changes.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use ureq::http::Request;

use crate::fas::{Answer, Fas, agent, answer, command, directory, until};

/// A service that asks for tokens, and its token file.
struct Guarded {
    _home: tempfile::TempDir,
    file: PathBuf,
    fas: Fas,
}

impl Guarded {
    fn start() -> Self {
        let home = directory();
        let file = home.path().join("tokens.toml");
        std::fs::write(&file, "# nobody yet\n").unwrap();
        let data = home.path().join("data");
        let tokens = file.to_str().unwrap();
        let fas = Fas::start_with(
            &data,
            &["--listen", "127.0.0.1:0", "--log", "trace", "--tokens", tokens],
        );
        Self { _home: home, file, fas }
    }

    /// Makes a token and waits until it is known.
    fn token(&self, name: &str, arguments: &[&str]) -> String {
        let token = create(&self.file, name, arguments);
        self.wait_for(&token);
        token
    }

    /// Waits until a token is known.
    fn wait_for(&self, token: &str) {
        until("the token is known", || self.ask("GET", "/flows?hour=1", token, "").status != 401);
    }

    /// An empty token is none.
    fn ask(&self, method: &str, path: &str, token: &str, body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(self.fas.url(path));
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if method == "GET" {
            return answer(agent().run(request.body(()).unwrap()).unwrap());
        }
        let request = request.header("content-type", "application/json").body(body.to_owned());
        answer(agent().run(request.unwrap()).unwrap())
    }
}

fn token_command(file: &Path, arguments: &[&str]) -> Output {
    let mut command = command(&[&["token"], arguments].concat());
    command.env("FAS_TOKENS", file).stdout(Stdio::piped()).output().unwrap()
}

fn create(file: &Path, name: &str, arguments: &[&str]) -> String {
    let output = token_command(file, &[&["create", "--name", name], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn flow(vpc_id: &str) -> Value {
    json!({"src_app": "a", "dest_app": "b", "vpc_id": vpc_id,
           "bytes_tx": 1, "bytes_rx": 2, "hour": 1})
}

fn flows(vpc_ids: &[&str]) -> String {
    Value::from(vpc_ids.iter().map(|vpc_id| flow(vpc_id)).collect::<Vec<_>>()).to_string()
}

fn batch(instance: &str, vpc_ids: &[&str]) -> String {
    let flows: Vec<_> = vpc_ids.iter().map(|vpc_id| json!(["a", "b", vpc_id, 1, 2])).collect();
    json!({"version": 1, "instance": instance, "sequence": 1, "reporter": "source",
           "watermark_ms": 5, "lost_bytes": 0, "folded_bytes": 0,
           "hours": [{"hour": 1, "flows": flows}]})
    .to_string()
}

#[test]
fn every_endpoint_asks_for_its_scope() {
    let guarded = Guarded::start();
    let tokens = [
        String::new(),
        "fas_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        create(&guarded.file, "writer", &["--scope", "write"]),
        create(&guarded.file, "reader", &["--scope", "read"]),
        create(&guarded.file, "both", &["--scope", "read", "--scope", "write"]),
        create(&guarded.file, "admin", &["--scope", "admin"]),
        create(
            &guarded.file,
            "limited",
            &["--scope", "read", "--scope", "write", "--vpc-id", "v1"],
        ),
    ];
    guarded.wait_for(&tokens[6]);
    let body = flows(&["v1"]);
    let batch = batch("i", &["v1"]);
    for (method, path, body, expected) in [
        ("GET", "/healthz", "", [200, 200, 200, 200, 200, 200, 200]),
        ("GET", "/readyz", "", [200, 200, 200, 200, 200, 200, 200]),
        ("GET", "/metrics", "", [401, 401, 403, 200, 200, 200, 403]),
        ("GET", "/flows?hour=1", "", [401, 401, 403, 200, 200, 200, 200]),
        ("POST", "/flows", &*body, [401, 401, 200, 403, 200, 200, 200]),
        ("POST", "/v1/batches", &*batch, [401, 401, 200, 403, 200, 200, 200]),
        ("GET", "/nowhere", "", [404; 7]),
        ("DELETE", "/flows", "", [405; 7]),
    ] {
        let answers: Vec<Answer> =
            tokens.iter().map(|token| guarded.ask(method, path, token, body)).collect();
        let found: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(found, expected, "{method} {path}: {answers:?}");
        for answer in answers.iter().filter(|answer| answer.status >= 400) {
            assert_eq!(answer.content_type, "application/problem+json");
        }
    }
    let refused = guarded.ask("GET", "/flows?hour=1", &tokens[2], "").json();
    assert!(refused["detail"].as_str().unwrap().contains("scope read"), "{refused}");
}

#[test]
fn a_401_names_the_scheme_and_what_is_not_a_bearer_token_is_none() {
    let guarded = Guarded::start();
    let token = guarded.token("reader", &["--scope", "read"]);
    let ask = |header: &str| {
        guarded.fas.raw(
            format!("GET /flows?hour=1 HTTP/1.1\r\nhost: fas\r\nconnection: close\r\n{header}\r\n")
                .as_bytes(),
        )
    };
    let good = format!("authorization: bearer {token}\r\n");
    assert!(ask(&good).starts_with("HTTP/1.1 200"));
    for bad in [
        String::new(),
        format!("authorization: Basic {token}\r\n"),
        format!("authorization: {token}\r\n"),
        format!("authorization: Bearer {}\r\n", &token[..token.len() - 1]),
        format!("authorization: Bearer {token}x\r\n"),
        good.repeat(2),
    ] {
        let refused = ask(&bad);
        assert!(refused.starts_with("HTTP/1.1 401"), "{bad}: {refused}");
        assert!(refused.contains("\r\nwww-authenticate: Bearer\r\n"), "{refused}");
    }
}

#[test]
fn a_limited_token_sees_and_writes_its_vpcs_alone() {
    let guarded = Guarded::start();
    let admin = create(&guarded.file, "admin", &["--scope", "admin"]);
    let limited = guarded.token(
        "limited",
        &["--scope", "read", "--scope", "write", "--vpc-id", "v1", "--vpc-id", "v2"],
    );
    let read = |token: &str| guarded.ask("GET", "/flows?hour=1", token, "").json();
    guarded.ask("POST", "/flows", &admin, &flows(&["v1", "v2", "v3"]));
    assert_eq!(read(&admin), json!([flow("v1"), flow("v2"), flow("v3")]));
    assert_eq!(read(&limited), json!([flow("v1"), flow("v2")]));
    for (path, body) in
        [("/flows", flows(&["v1", "v3", "v2"])), ("/v1/batches", batch("i", &["v1", "v3", "v2"]))]
    {
        let refused = guarded.ask("POST", path, &limited, &body);
        assert_eq!(refused.status, 403, "{refused:?}");
        let problem = refused.json();
        assert_eq!((&problem["index"], &problem["field"]), (&json!(1), &json!("vpc_id")));
        assert!(problem["detail"].as_str().unwrap().contains("v3"), "{problem}");
    }
    assert_eq!(read(&admin), json!([flow("v1"), flow("v2"), flow("v3")]), "nothing has changed");
    assert_eq!(guarded.ask("POST", "/flows", &limited, &flows(&["v1", "v2"])).status, 200);
}

#[test]
fn a_change_of_the_file_counts_at_once_and_a_bad_one_never() {
    let guarded = Guarded::start();
    let status = |token: &str| guarded.ask("GET", "/metrics", token, "").status;
    let admin = create(&guarded.file, "admin", &["--scope", "admin"]);
    let other = guarded.token("other", &["--scope", "read"]);
    assert_eq!((status(&admin), status(&other)), (200, 200));
    assert!(token_command(&guarded.file, &["revoke", "other"]).status.success());
    until("the token is revoked", || status(&other) == 401);
    assert_eq!(status(&admin), 200);
    std::fs::write(&guarded.file, "[[token]]\nname = \"admin\"\n").unwrap();
    let failures = |n: u32| {
        let metrics = guarded.ask("GET", "/metrics", &admin, "").body;
        metrics.contains(&format!("fas_reloads_total{{file=\"tokens\",outcome=\"failed\"}} {n}"))
    };
    until("the change is noticed", || failures(1));
    assert_eq!((status(&admin), status(&other)), (200, 401));
    // Emptied, as by somebody who is about to write it anew.
    std::fs::write(&guarded.file, "\n").unwrap();
    until("the change is noticed", || failures(2));
    assert_eq!((status(&admin), status(&other)), (200, 401));
    std::fs::remove_file(&guarded.file).unwrap();
    let late = guarded.token("late", &["--scope", "read"]);
    assert_eq!((status(&late), status(&admin)), (200, 401));
    assert!(token_command(&guarded.file, &["revoke", "late"]).status.success());
    until("the last token is revoked", || status(&late) == 401);
}

#[test]
fn no_secret_is_in_the_log() {
    let guarded = Guarded::start();
    let token = guarded.token("reader", &["--scope", "read"]);
    let file = std::fs::read_to_string(&guarded.file).unwrap();
    let digest = file.split_once("sha256 = \"").unwrap().1.split('"').next().unwrap().to_owned();
    assert_eq!(guarded.ask("POST", "/flows", &token, "[]").status, 403);
    assert_eq!(guarded.ask("GET", "/flows?hour=1", "fas_wrong", "").status, 401);
    // A secret in the wrong place of the file.
    std::fs::write(&guarded.file, format!("{file}[[token]]\nname = \"x\"\nsha256 = \"{token}\"\n"))
        .unwrap();
    let failed = "fas_reloads_total{file=\"tokens\",outcome=\"failed\"} 1";
    until("the change is noticed", || {
        guarded.ask("GET", "/metrics", &token, "").body.contains(failed)
    });
    guarded.fas.signal("TERM");
    let (_, log) = guarded.fas.wait();
    assert!(log.contains("token 2 (\"x\"): sha256 must be"), "{log}");
    for secret in [&token, &digest, "fas_wrong"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn the_commands_make_list_and_revoke_tokens() {
    let home = directory();
    let file = home.path().join("tokens.toml");
    let token = create(&file, "one", &["--scope", "write", "--vpc-id", "v1"]);
    assert!(token.starts_with("fas_") && token.len() == 47, "{token}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    create(&file, "two", &["--scope", "read", "--scope", "admin"]);
    assert!(!std::fs::read_to_string(&file).unwrap().contains(&token));
    for (arguments, word) in [
        (&["create", "--name", "one", "--scope", "read"][..], "already"),
        (&["create", "--name", "three"], "--scope"),
        (&["create", "--name", "three", "--scope", "all"], "write, read or admin"),
        (&["create", "--name", "a b", "--scope", "read"], "name must be"),
        (&["create", "--name", "three", "--scope", "read", "--vpc-id", ""], "--vpc-id"),
        (&["revoke", "three"], "no token \"three\""),
    ] {
        let refused = token_command(&file, arguments);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && said.contains(word), "{said}");
        assert!(refused.stdout.is_empty());
    }
    let list = String::from_utf8(token_command(&file, &["list"]).stdout).unwrap();
    let rows: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        rows,
        [
            vec!["NAME", "SCOPES", "VPCS"],
            vec!["one", "write", "v1"],
            vec!["two", "read,", "admin", "all"]
        ]
    );
    assert!(token_command(&file, &["revoke", "one"]).status.success());
    let list = String::from_utf8(token_command(&file, &["list"]).stdout).unwrap();
    assert!(list.contains("two") && !list.contains("one"), "{list}");
}

#[test]
fn an_address_that_others_reach_needs_a_guard() {
    let home = directory();
    let data = home.path().join("data");
    let refused = command(&["serve", "--listen", "0.0.0.0:0", "--data"]).arg(&data).output();
    let refused = refused.unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    for way in ["--tokens", "--tls-client-ca", "--insecure"] {
        assert!(said.contains(way), "{said}");
    }
    assert!(!data.exists(), "nothing was begun");
    let tokens = home.path().join("tokens.toml");
    create(&tokens, "one", &["--scope", "read"]);
    for allowed in [&["--insecure"][..], &["--tokens", tokens.to_str().unwrap()]] {
        let fas = Fas::start_with(&data, &[&["--listen", "0.0.0.0:0"], allowed].concat());
        assert!(fas.address.starts_with("0.0.0.0:"));
    }
    let mut command = command(&["serve", "--listen", "[::]:0", "--data", data.to_str().unwrap()]);
    drop(Fas::launch(command.env("FAS_INSECURE", "true")));
}

#[test]
fn a_token_file_that_cannot_be_used_ends_the_start() {
    let home = directory();
    let file = home.path().join("tokens.toml");
    for (text, word) in [
        (None, "cannot be read"),
        (Some("[[token]]\nname = \"x\"\nscopes = []\n"), "token 1 (\"x\"): sha256 is missing"),
    ] {
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        let data = home.path().join("data");
        let refused = command(&["serve", "--listen", "127.0.0.1:0", "--data"])
            .args([data.as_os_str(), "--tokens".as_ref(), file.as_os_str()])
            .output()
            .unwrap();
        assert_eq!(refused.status.code(), Some(1));
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.contains(word) && said.contains("tokens.toml"), "{said}");
        assert!(!data.exists(), "nothing was begun");
    }
}
