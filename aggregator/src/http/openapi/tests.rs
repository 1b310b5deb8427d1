//! The description is what it was, and it is about the routes that there are.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::http::{App, router, routes};
use crate::metrics::Metrics;
use crate::store::embedded::{EmbeddedStore, Options};

#[cfg(feature = "arrow")]
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/openapi.json");

fn description() -> Value {
    serde_json::from_str(&TEXT).unwrap()
}

#[cfg(feature = "arrow")]
#[test]
fn the_description_is_the_golden_file() {
    let text = format!("{}\n", *TEXT);
    if std::env::var_os("FAS_UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &text).unwrap();
    }
    let golden = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    assert!(golden == text, "{GOLDEN} differs; FAS_UPDATE_GOLDEN=1 writes it anew");
}

#[test]
fn every_reference_leads_somewhere() {
    let description = description();
    let mut left = vec![&description];
    while let Some(value) = left.pop() {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(path)) = object.get("$ref") {
                    let pointer = path.strip_prefix('#').unwrap();
                    assert!(description.pointer(pointer).is_some(), "{path}");
                }
                left.extend(object.values());
            }
            Value::Array(array) => left.extend(array),
            _ => {}
        }
    }
}

#[test]
fn described_paths_are_the_routes() {
    let description = description();
    let described: BTreeSet<&str> =
        description["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(described, routes().into_iter().map(|(path, _)| path).collect());
}

#[tokio::test]
async fn described_methods_are_those_that_a_path_has() {
    let directory = tempfile::tempdir().unwrap();
    let metrics = Arc::new(Metrics::new().unwrap());
    let options = Options::default();
    let store = EmbeddedStore::open(directory.path(), &options, Arc::clone(&metrics)).unwrap();
    let app = Arc::new(App::new(Arc::new(store), metrics, None));
    let description = description();
    for (path, _) in routes() {
        let request = Request::builder().method(Method::TRACE).uri(path);
        let request = request.body(Body::empty()).unwrap();
        let response = router(Arc::clone(&app)).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        let allow = response.headers()[header::ALLOW].to_str().unwrap().to_lowercase();
        // Who has GET has HEAD, without saying so.
        let allowed: BTreeSet<&str> = allow.split(", ").filter(|one| *one != "head").collect();
        let described = description["paths"][path].as_object().unwrap();
        assert_eq!(
            described.keys().map(String::as_str).collect::<BTreeSet<_>>(),
            allowed,
            "{path}"
        );
    }
}
