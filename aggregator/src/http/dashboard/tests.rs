//! Files as browsers get them, whether there is a dashboard in this program or not.

use std::io::Read;

use http_body_util::BodyExt;

use super::*;

const SCRIPT: &str = "/assets/a-1.js";

fn files() -> Files {
    let script: &[u8] = &[b'x'; 5_000];
    Files::new(&[("/index.html", b"<!doctype html>"), (LICENCES, b"MIT"), (SCRIPT, script)])
}

fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
}

async fn body(response: Response) -> Vec<u8> {
    response.into_body().collect().await.unwrap().to_bytes().to_vec()
}

#[tokio::test]
async fn an_asset_is_kept_for_ever_and_the_page_is_asked_for_again() {
    let none = HeaderMap::new();
    let asset = respond_with_asset(&files(), SCRIPT, &none);
    assert_eq!(asset.status(), StatusCode::OK);
    assert_eq!(asset.headers()[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
    assert_eq!(asset.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
    let page = respond_with_page(&files(), &none);
    assert_eq!(page.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
    assert_eq!(page.headers()[header::CACHE_CONTROL], "no-cache");
    assert_eq!(body(page).await, b"<!doctype html>");
    let licences = respond_with_asset(&files(), LICENCES, &none);
    assert_eq!(licences.headers()[header::CONTENT_TYPE], "text/plain; charset=utf-8");
    assert_eq!(licences.headers()[header::CACHE_CONTROL], "no-cache");
    assert_eq!(respond_with_asset(&files(), "/assets/b", &none).status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_takes_gzip_gets_it_and_nobody_else() {
    for (accepted, is_packed) in [
        ("gzip", true),
        ("br, GZIP ;q=0.5", true),
        ("deflate, gzip;q=1.0, *;q=0.5", true),
        ("gzip;q=0", false),
        ("gzip; q=0.0, br", false),
        ("br", false),
        ("x-gzipped", false),
    ] {
        let asked = headers(&[(header::ACCEPT_ENCODING, accepted)]);
        let response = respond_with_asset(&files(), SCRIPT, &asked);
        let coding = response.headers().get(header::CONTENT_ENCODING).cloned();
        assert_eq!(coding.is_some_and(|coding| coding == "gzip"), is_packed, "{accepted}");
        assert_eq!(response.headers()[header::VARY], "accept-encoding");
        let sent = body(response).await;
        let mut plain = Vec::new();
        match is_packed {
            true => drop(flate2::read::GzDecoder::new(&*sent).read_to_end(&mut plain).unwrap()),
            false => plain = sent,
        }
        assert_eq!(plain, [b'x'; 5_000]);
    }
}

#[tokio::test]
async fn who_has_a_file_is_not_sent_it_again() {
    let first = respond_with_page(&files(), &HeaderMap::new());
    let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
    let strong = tag.strip_prefix("W/").unwrap();
    for (known, status) in [
        (tag.clone(), StatusCode::NOT_MODIFIED),
        (format!("\"other\", {strong}"), StatusCode::NOT_MODIFIED),
        ("*".to_owned(), StatusCode::NOT_MODIFIED),
        ("\"other\"".to_owned(), StatusCode::OK),
    ] {
        let known = HeaderValue::try_from(known).unwrap();
        let asked = [(header::IF_NONE_MATCH, known)].into_iter().collect();
        let again = respond_with_page(&files(), &asked);
        assert_eq!(again.status(), status);
        assert_eq!(again.headers()[header::ETAG], *tag);
        assert_eq!(body(again).await.is_empty(), status == StatusCode::NOT_MODIFIED);
    }
}

#[tokio::test]
async fn a_program_without_a_dashboard_says_how_to_build_it() {
    let absent = respond_with_page(&Files::new(&[]), &HeaderMap::new());
    assert_eq!(absent.status(), StatusCode::NOT_FOUND);
    let said = String::from_utf8(body(absent).await).unwrap();
    assert!(said.contains("cargo xtask dashboard"), "{said}");
}

#[test]
fn the_page_may_do_nothing_that_it_need_not() {
    for page in [files(), Files::new(&[])] {
        let response = respond_with_page(&page, &HeaderMap::new());
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(response.headers()[header::REFERRER_POLICY], "no-referrer");
    }
}
