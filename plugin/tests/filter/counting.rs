//! Who is counted, under which names, in which hour.

use std::cell::Cell;

use flow_filter::notice::Notice;
use flow_filter::observe::Data;
use flow_filter::observe::Moved::{Rx, Tx};
use flow_model::Reporter::{Destination, Source};
use serde_json::{Value, json};

use crate::attributes::Fake;
use crate::sidecar::{HOUR, HOUR_MS, START_MS, Sidecar};

fn tcp(report: &str, dest_app: Value) -> Sidecar {
    Sidecar::new(
        json!({
            "mode": "tcp",
            "report": report,
            "src_app": [{"node_metadata": "app"}],
            "dest_app": dest_app,
            "vpc_id": "v",
        }),
        1,
    )
}

fn http(src_app: Value) -> Sidecar {
    Sidecar::new(
        json!({
            "mode": "http",
            "report": "both",
            "trust_request_headers": "inbound",
            "src_app": src_app,
            "dest_app": "backend",
            "vpc_id": "v",
        }),
        1,
    )
}

const UNKNOWN: [&str; 3] = ["frontend", "_unknown", "v"];

#[test]
fn bytes_count_in_the_hour_in_which_they_move() {
    let mut sidecar = tcp("source", json!(["cluster_name"]));
    let attributes = Fake::outbound().with("xds.cluster_name", "backend");
    let slot = sidecar.filter.open().unwrap();
    sidecar.now_ms = START_MS + HOUR_MS - 1;
    sidecar.count(slot, Tx(10), &attributes);
    sidecar.now_ms += 1;
    sidecar.count(slot, Tx(1), &attributes);
    sidecar.count(slot, Rx(5), &attributes);
    sidecar.run_ms(2_000);
    // The connection is still open.
    let names = ["frontend", "backend", "v"];
    assert_eq!(sidecar.aggregator.row(Source, HOUR, names), (10, 0));
    assert_eq!(sidecar.aggregator.row(Source, HOUR + 1, names), (1, 5));
    sidecar.count(slot, Rx(7), &attributes);
    sidecar.filter.close(slot, &attributes);
    sidecar.run_ms(2_000);
    assert_eq!(sidecar.aggregator.row(Source, HOUR + 1, names), (1, 12));
    assert_eq!(sidecar.aggregator.bytes(), 23);
}

#[test]
fn only_streams_of_the_reported_side_count() {
    for (report, expected) in
        [("source", (1_u64, 0_u64, 4_u64)), ("destination", (0, 2, 4)), ("both", (1, 2, 4))]
    {
        let mut sidecar = tcp(report, json!("backend"));
        for (attributes, bytes) in
            [(Fake::outbound(), 1), (Fake::inbound(), 2), (Fake::default(), 4)]
        {
            let slot = sidecar.filter.open().unwrap();
            sidecar.count(slot, Tx(bytes), &attributes);
            sidecar.filter.close(slot, &attributes);
        }
        sidecar.run_ms(3_000);
        let names = ["frontend", "backend", "v"];
        let (source, destination, undirected) = expected;
        let undirected_counts_as = if report == "destination" { Destination } else { Source };
        let expected =
            |side, bytes| bytes + if undirected_counts_as == side { undirected } else { 0 };
        for (side, bytes) in [(Source, source), (Destination, destination)] {
            let row = sidecar.aggregator.row(side, HOUR, names);
            assert_eq!(row, (expected(side, bytes), 0), "{report} {side}");
        }
        let warnings = sidecar.filter.take_notices().into_iter();
        let warnings = warnings.filter(|n| matches!(n, Notice::DirectionMissing { .. }));
        assert_eq!(warnings.count(), 1, "{report}");
    }
}

/// The data of a callback, and how often it was read.
struct Bytes(&'static [u8], Cell<usize>);

impl Data for Bytes {
    fn read(&self, start: u64, size: u64) -> Vec<u8> {
        self.1.set(self.1.get() + 1);
        self.0.iter().skip(start as usize).take(size as usize).copied().collect()
    }
}

#[test]
fn bytes_that_are_held_back_behind_the_filter_count_once() {
    let mut sidecar = tcp("both", json!("backend"));
    let attributes = Fake::outbound();
    for number in 0..2 {
        let slot = sidecar.filter.open().unwrap();
        for bytes in [&b"first, "[..], b"first, second", b"third"] {
            sidecar.deliver(slot, bytes.len(), &attributes, &Bytes(bytes, Cell::new(0)));
        }
        sidecar.count(slot, Rx(5), &attributes);
        sidecar.filter.close(slot, &attributes);
        sidecar.run_ms(2_000);
        let row = sidecar.aggregator.row(Source, HOUR, ["frontend", "backend", "v"]);
        assert_eq!(row, (18 * (number + 1), 5 * (number + 1)));
    }
    let notices = sidecar.filter.take_notices();
    assert_eq!(notices.iter().filter(|notice| **notice == Notice::HeldBack).count(), 1);
}

#[test]
fn of_streams_that_do_not_count_no_data_is_read() {
    let bytes = Bytes(b"bytes", Cell::new(0));
    let mut sidecar = tcp("source", json!("backend"));
    let attributes = Fake::inbound();
    let slot = sidecar.filter.open().unwrap();
    sidecar.deliver(slot, 5, &attributes, &bytes);
    sidecar.run_ms(2_000);
    assert_eq!((sidecar.aggregator.bytes(), bytes.1.get()), (0, 0));
}

#[test]
fn once_a_connection_is_answered_its_data_is_read_no_more() {
    let mut sidecar = tcp("source", json!("backend"));
    let (attributes, bytes) = (Fake::outbound(), Bytes(b"bytes", Cell::new(0)));
    let slot = sidecar.filter.open().unwrap();
    sidecar.deliver(slot, 5, &attributes, &bytes);
    sidecar.count(slot, Rx(1), &attributes);
    let reads = bytes.1.get();
    for _ in 0..100 {
        sidecar.deliver(slot, 5, &attributes, &bytes);
    }
    assert_eq!((bytes.1.get(), reads), (reads, 1));
    sidecar.run_ms(2_000);
    assert_eq!(sidecar.aggregator.row(Source, HOUR, ["frontend", "backend", "v"]), (505, 1));
}

#[test]
fn a_stream_without_bytes_makes_no_row_and_reads_nothing() {
    let mut sidecar = tcp("source", json!(["cluster_name"]));
    let attributes = Fake::outbound();
    let slot = sidecar.filter.open().unwrap();
    sidecar.count(slot, Tx(0), &attributes);
    sidecar.filter.close(slot, &attributes);
    sidecar.run_ms(3_000);
    assert_eq!((sidecar.aggregator.totals.len(), attributes.reads()), (0, 0));
}

#[test]
fn a_known_stream_reads_nothing_more() {
    let mut sidecar = tcp("source", json!(["cluster_name"]));
    let attributes = Fake::outbound().with("xds.cluster_name", "backend");
    let slot = sidecar.filter.open().unwrap();
    sidecar.count(slot, Tx(1), &attributes);
    let reads = attributes.reads();
    for _ in 0..100 {
        sidecar.count(slot, Rx(1), &attributes);
    }
    assert_eq!((attributes.reads(), reads), (reads, 2));
}

#[test]
fn a_peer_that_becomes_known_later_gets_its_earlier_bytes() {
    let mut sidecar = tcp("source", json!([{"istio_peer": "app"}, "cluster_name"]));
    let attributes = Fake::outbound().with("xds.cluster_name", "outbound|80||b");
    let slot = sidecar.filter.open().unwrap();
    sidecar.now_ms = START_MS + HOUR_MS - 1;
    sidecar.count(slot, Tx(10), &attributes);
    sidecar.now_ms += 1;
    sidecar.count(slot, Tx(1), &attributes);
    attributes.set("upstream_filter_state.upstream_peer.app", "backend");
    sidecar.count(slot, Rx(5), &attributes);
    attributes.unset("upstream_filter_state.upstream_peer.app");
    sidecar.count(slot, Rx(6), &attributes);
    sidecar.filter.close(slot, &attributes);
    sidecar.run_ms(2_000);
    let names = ["frontend", "backend", "v"];
    assert_eq!(sidecar.aggregator.row(Source, HOUR, names), (10, 0));
    assert_eq!(sidecar.aggregator.row(Source, HOUR + 1, names), (1, 11));
    assert_eq!(sidecar.aggregator.totals.len(), 2);
}

#[test]
fn a_long_upload_waits_for_the_first_answer() {
    let mut sidecar = tcp("source", json!(["peer_uri_san"]));
    let attributes = Fake::outbound();
    let slot = sidecar.filter.open().unwrap();
    for _ in 0..50 {
        sidecar.count(slot, Tx(2), &attributes);
    }
    attributes.set("upstream.uri_san_peer_certificate", "spiffe://mesh/ns/shop/sa/backend");
    sidecar.count(slot, Rx(1), &attributes);
    sidecar.run_ms(2_000);
    let names = ["frontend", "spiffe://mesh/ns/shop/sa/backend", "v"];
    assert_eq!(sidecar.aggregator.row(Source, HOUR, names), (100, 1));
}

#[test]
fn a_peer_that_stays_unknown_is_looked_for_a_bounded_number_of_times() {
    let mut sidecar = tcp("source", json!([{"istio_peer": "app"}]));
    let attributes = Fake::outbound();
    let slot = sidecar.filter.open().unwrap();
    for _ in 0..100 {
        sidecar.count(slot, Tx(1), &attributes);
        sidecar.count(slot, Rx(2), &attributes);
    }
    // The direction, and eight looks for each way, at the three places where Istio may put it.
    assert_eq!(attributes.reads(), 1 + 2 * 8 * 3);
    sidecar.filter.close(slot, &attributes);
    sidecar.run_ms(2_000);
    assert_eq!(sidecar.aggregator.row(Source, HOUR, UNKNOWN), (100, 200));
}

#[test]
fn who_was_called_is_settled_once_it_answers() {
    let mut sidecar = tcp("source", json!(["peer_uri_san", "cluster_name"]));
    let attributes = Fake::outbound().with("xds.cluster_name", "backend");
    let slot = sidecar.filter.open().unwrap();
    for _ in 0..3 {
        sidecar.count(slot, Tx(1), &attributes);
    }
    assert_eq!(attributes.reads(), 1 + 3 * 2, "a certificate may still come");
    sidecar.count(slot, Rx(2), &attributes);
    let reads = attributes.reads();
    sidecar.count(slot, Rx(2), &attributes);
    sidecar.filter.close(slot, &attributes);
    assert_eq!(attributes.reads(), reads, "there is nothing more to look for");
    sidecar.run_ms(2_000);
    assert_eq!(sidecar.aggregator.row(Source, HOUR, ["frontend", "backend", "v"]), (3, 4));
}

#[test]
fn a_stream_that_ends_unknown_is_looked_at_once_more() {
    let mut sidecar = tcp("source", json!(["peer_uri_san"]));
    let attributes = Fake::outbound();
    let slot = sidecar.filter.open().unwrap();
    sidecar.count(slot, Tx(1), &attributes);
    attributes.set("upstream.uri_san_peer_certificate", "late");
    sidecar.filter.close(slot, &attributes);
    let slot = sidecar.filter.open().unwrap();
    attributes.unset("upstream.uri_san_peer_certificate");
    sidecar.count(slot, Tx(2), &attributes);
    sidecar.filter.close(slot, &attributes);
    sidecar.run_ms(2_000);
    assert_eq!(sidecar.aggregator.row(Source, HOUR, ["frontend", "late", "v"]), (1, 0));
    assert_eq!(sidecar.aggregator.row(Source, HOUR, UNKNOWN), (2, 0));
}

#[test]
fn a_name_that_is_gone_at_the_end_was_right_too() {
    let mut sidecar = tcp("source", json!([{"istio_peer": "app"}, "cluster_name"]));
    let attributes = Fake::outbound().with("xds.cluster_name", "cluster");
    let slot = sidecar.filter.open().unwrap();
    sidecar.count(slot, Tx(1), &attributes);
    attributes.unset("xds.cluster_name");
    sidecar.filter.close(slot, &attributes);
    sidecar.run_ms(2_000);
    assert_eq!(sidecar.aggregator.row(Source, HOUR, ["frontend", "cluster", "v"]), (1, 0));
}

#[test]
fn held_bytes_hold_the_watermark_back_but_not_for_ever() {
    let mut sidecar = tcp("source", json!([{"istio_peer": "app"}]));
    let held = Fake::outbound();
    let known = Fake::outbound().with("upstream_filter_state.upstream_peer.app", "b");
    let first = sidecar.filter.open().unwrap();
    let mut held_since_ms = sidecar.now_ms;
    sidecar.count(first, Tx(3), &held);
    let second = sidecar.filter.open().unwrap();
    for _ in 0..30 {
        sidecar.count(second, Tx(1), &known);
        sidecar.run_ms(200);
        if sidecar.aggregator.row(Source, HOUR, UNKNOWN) == (0, 0) {
            assert!(sidecar.aggregator.watermark_ms <= held_since_ms, "bytes are missing");
        } else {
            held_since_ms = u64::MAX;
        }
    }
    assert_eq!(sidecar.aggregator.row(Source, HOUR, UNKNOWN), (3, 0));
    assert!(sidecar.aggregator.watermark_ms >= START_MS + 5_000);
    // What moves once the peer is known goes to the peer.
    sidecar.count(first, Rx(4), &known);
    sidecar.run_ms(2_000);
    assert_eq!(sidecar.aggregator.row(Source, HOUR, ["frontend", "b", "v"]), (30, 4));
}

#[test]
fn request_headers_are_read_while_they_pass() {
    let mut sidecar = http(json!([{"istio_peer": "app"}, {"request_header": "X-App"}]));
    let attributes = Fake::inbound().with("header.x-app", "caller");
    assert!(sidecar.filter.wants_headers());
    let slot = sidecar.filter.open().unwrap();
    sidecar.filter.headers(slot, &attributes);
    attributes.unset("header.x-app");
    sidecar.count(slot, Tx(3), &attributes);
    sidecar.filter.close(slot, &attributes);
    sidecar.run_ms(2_000);
    assert_eq!(sidecar.aggregator.row(Destination, HOUR, ["caller", "backend", "v"]), (3, 0));
}

#[test]
fn the_first_source_with_a_name_wins() {
    let sources = json!([{"attribute": ["a", "b"]}, "cluster_name", {"literal": "last"}]);
    for (a, cluster, expected) in [
        (Some("x"), Some("c"), "x"),
        (None, Some("c"), "c"),
        (Some(""), Some("c"), "c"),
        (None, None, "last"),
    ] {
        let mut sidecar = http(sources.clone());
        let attributes = Fake::outbound();
        for (path, value) in [("a.b", a), ("xds.cluster_name", cluster)] {
            if let Some(value) = value {
                attributes.set(path, value);
            }
        }
        let slot = sidecar.filter.open().unwrap();
        sidecar.count(slot, Rx(1), &attributes);
        sidecar.filter.close(slot, &attributes);
        sidecar.run_ms(2_000);
        let row = sidecar.aggregator.row(Source, HOUR, [expected, "backend", "v"]);
        assert_eq!(row, (0, 1), "{expected}");
    }
}

#[test]
fn names_are_bounded_and_stay_apart() {
    let mut sidecar = http(json!(["cluster_name"]));
    for end in ["a", "b"] {
        let attributes =
            Fake::outbound().with("xds.cluster_name", &format!("{} {end}", "x".repeat(400)));
        let slot = sidecar.filter.open().unwrap();
        sidecar.count(slot, Tx(1), &attributes);
        sidecar.filter.close(slot, &attributes);
    }
    sidecar.run_ms(2_000);
    assert_eq!(sidecar.aggregator.totals.len(), 2);
}

#[test]
fn what_is_no_text_is_no_name() {
    let mut sidecar = http(json!(["cluster_name", {"literal": "other"}]));
    // A number, and a structure, as Envoy gives them.
    for value in ["\0\0\0\0\0\0\u{18}@", "\n\u{3}app", "a\nb"] {
        let attributes = Fake::outbound().with("xds.cluster_name", value);
        let slot = sidecar.filter.open().unwrap();
        sidecar.count(slot, Rx(1), &attributes);
        sidecar.filter.close(slot, &attributes);
    }
    sidecar.run_ms(2_000);
    assert_eq!(sidecar.aggregator.row(Source, HOUR, ["other", "backend", "v"]), (0, 3));
}
