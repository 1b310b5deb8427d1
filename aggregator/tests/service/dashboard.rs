//! What is at `/`: the dashboard, where the program was built with it, or how to have it. It is
//! looked at in a browser by `dashboard/tests`.

use crate::fas::{Fas, agent, directory};

#[test]
fn the_page_needs_no_token_and_allows_nothing_from_elsewhere() {
    let data = directory();
    let tokens = data.path().join("tokens.toml");
    std::fs::write(&tokens, "# nobody yet\n").unwrap();
    let fas = Fas::start_with(
        &data.path().join("data"),
        &["--listen", "127.0.0.1:0", "--tokens", tokens.to_str().unwrap()],
    );
    let mut page = agent().get(fas.url("/")).call().unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    let text = page.body_mut().read_to_string().unwrap();
    match page.status().as_u16() {
        200 => assert!(text.contains("/assets/"), "{text}"),
        404 => assert!(text.contains("cargo xtask dashboard"), "{text}"),
        other => panic!("{other}: {text}"),
    }
    assert_eq!(fas.get("/assets/none.js").status, 404);
    assert_eq!(fas.post("/", "x").status, 405);
    assert_eq!(fas.get("/v1/hours").status, 401);
}
