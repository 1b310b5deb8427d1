//! What is asked for wrongly is refused, by name.

use serde_json::json;

use super::client::{read, read_as};
use crate::fas::{Fas, directory};

#[test]
fn a_bad_parameter_is_a_400_that_names_it() {
    let data = directory();
    let fas = Fas::start(data.path());
    let hundred = "&src_app=a".repeat(100);
    for (path, field) in [
        ("/v1/flows", "hour"),
        ("/v1/flows?to=5", "hour"),
        ("/v1/summary", "hour"),
        ("/v1/flows?hour=-1", "hour"),
        ("/v1/flows?hour=4294967296", "hour"),
        ("/v1/flows?hour=1&hour=2", "hour"),
        ("/v1/flows?hour=1&from=1", "from"),
        ("/v1/flows?hour=1&to=1", "to"),
        ("/v1/flows?from=yesterday", "from"),
        ("/v1/flows?from=2026-01-01T00:00:00", "from"),
        ("/v1/flows?from=1&to=4294967297", "to"),
        ("/v1/flows?hour=1&src_app=", "src_app"),
        ("/v1/flows?hour=1&dest_app=a%0A", "dest_app"),
        ("/v1/flows?hour=1&vpc_id=%FF", "vpc_id"),
        (&format!("/v1/flows?hour=1{hundred}&vpc_id=v"), "vpc_id"),
        (&format!("/v1/flows?hour=1&src_app={}", "x".repeat(257)), "src_app"),
        ("/v1/flows?hour=1&limit=0", "limit"),
        ("/v1/flows?hour=1&limit=10001", "limit"),
        ("/v1/flows?hour=1&cursor=abc", "cursor"),
        ("/v1/flows?hour=1&colour=red", "colour"),
        ("/v1/flows?hour=1&Limit=1", "Limit"),
        ("/v1/summary?hour=1&group_by=src", "group_by"),
        ("/v1/summary?hour=1&group_by=hour,hour", "group_by"),
        ("/v1/summary?hour=1&order_by=hour", "order_by"),
        ("/v1/summary?hour=1&limit=10001", "limit"),
        ("/v1/summary?hour=1&cursor=abc", "cursor"),
        ("/v1/hours?limit=1", "limit"),
        ("/v1/hints", "field"),
        ("/v1/hints?field=hour", "field"),
        ("/v1/hints?field=src_app&limit=1001", "limit"),
        ("/v1/hints?field=src_app&prefix=%00", "prefix"),
        ("/v1/instances?hour=1", "hour"),
        ("/v1/instances?cursor=abc", "cursor"),
        ("/v1/stream?last_event_id=x", "last_event_id"),
        ("/v1/stream?limit=1", "limit"),
    ] {
        let refused = read(&fas, path);
        assert_eq!(refused.status, 400, "{path}: {refused:?}");
        assert_eq!(refused.header("content-type"), Some("application/problem+json"));
        assert_eq!(refused.json()["field"], json!(field), "{path}: {refused:?}");
    }
}

#[test]
fn limits_hold_up_to_their_edge() {
    let data = directory();
    let fas = Fas::start(data.path());
    let longest = "x".repeat(256);
    for path in [
        "/v1/flows?hour=1&limit=1",
        "/v1/flows?hour=1&limit=10000",
        "/v1/summary?hour=1&limit=10000",
        "/v1/hints?field=src_app&limit=1000",
        "/v1/hints?field=src_app&prefix=",
        "/v1/instances?limit=10000",
        &format!("/v1/flows?hour=1{}", "&src_app=a".repeat(100)),
        &format!("/v1/flows?hour=1&src_app={longest}&dest_app={longest}*"),
    ] {
        assert_eq!(read(&fas, path).status, 200, "{path}");
    }
}

#[test]
fn a_query_string_that_is_too_long_is_a_414() {
    let data = directory();
    let fas = Fas::start(data.path());
    let path = |bytes: usize| format!("/v1/hours?{}", "&".repeat(bytes));
    assert_eq!(read(&fas, &path(16 * 1024)).status, 200);
    let refused = read(&fas, &path(16 * 1024 + 1));
    assert_eq!((refused.status, refused.json()["status"].clone()), (414, json!(414)));
}

#[test]
fn a_format_that_there_is_not_is_a_406() {
    let data = directory();
    let fas = Fas::start(data.path());
    for (path, accept, status) in [
        ("/v1/flows?hour=1", "text/html", 406),
        ("/v1/flows?hour=1", "application/json;q=0", 406),
        ("/v1/flows?hour=1", "text/html, */*;q=0.1", 200),
        ("/v1/hours", "application/vnd.apache.arrow.stream", 406),
        ("/v1/hours", "text/csv", 200),
    ] {
        assert_eq!(read_as(&fas, path, accept).status, status, "{path} {accept}");
    }
}

#[test]
fn a_refused_method_says_which_there_are() {
    let data = directory();
    let fas = Fas::start(data.path());
    let response = crate::fas::agent().delete(fas.url("/v1/flows")).call().unwrap();
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "GET, HEAD");
}
