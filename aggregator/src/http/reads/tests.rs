//! Answers of any length, over scans that the test makes.

use std::sync::Arc;

use flow_model::{Counters, FlowKey, Name};
use http_body_util::BodyExt;
use tokio::sync::Semaphore;

use super::*;
use crate::store::{Row, Scan, Sides};

/// So many equal rows, and then the end or an error.
struct Rows {
    left: usize,
    fails: bool,
}

impl Scan for Rows {
    fn next(&mut self) -> Result<Option<Row<'_>>, ReadError> {
        if self.left == 0 {
            return if self.fails { Err(ReadError("disk".to_owned())) } else { Ok(None) };
        }
        self.left -= 1;
        let name = |text| Name::new(text).unwrap();
        let key = FlowKey { src_app: name("a"), dest_app: name("b"), vpc_id: name("v") };
        let sides = Sides { source: Counters::new(1, 2).unwrap(), ..Sides::default() };
        Ok(Some(Row { hour: 3, key, sides }))
    }
}

/// An answer, and the places of which it takes one.
async fn answer_of(left: usize, fails: bool) -> (Result<Body, Problem>, Arc<Semaphore>) {
    let places = Arc::new(Semaphore::new(1));
    let place = Arc::clone(&places).acquire_owned().await.unwrap();
    let pieces = Pieces::new(Box::new(Rows { left, fails }), Format::Json).unwrap();
    (body(pieces, place).await, places)
}

#[tokio::test]
async fn a_long_answer_keeps_its_place_until_it_has_been_taken() {
    let (body, places) = answer_of(10_000, false).await;
    let mut body = body.unwrap();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        assert_eq!(places.available_permits(), 0);
        bytes.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    drop(body);
    assert_eq!(places.available_permits(), 1);
    let flows: Vec<serde_json::Value> = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(flows.len(), 10_000);
    let (given_up, places) = answer_of(10_000, false).await;
    drop(given_up);
    assert_eq!(places.available_permits(), 1, "also when the client goes");
}

#[tokio::test]
async fn a_short_answer_has_a_length_and_no_place() {
    let (body, places) = answer_of(10, false).await;
    assert!(hyper::body::Body::size_hint(&body.unwrap()).exact().is_some());
    assert_eq!(places.available_permits(), 1);
}

#[tokio::test]
async fn an_answer_breaks_off_where_the_store_fails() {
    let (body, _) = answer_of(10_000, true).await;
    assert!(body.unwrap().collect().await.is_err());
    // Before anything was sent, it is an answer of its own.
    let (body, _) = answer_of(10, true).await;
    let refused = body.err().unwrap().into_response();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
}
