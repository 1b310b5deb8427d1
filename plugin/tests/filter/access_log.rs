//! Access-log mode: a stream is told of once, when it has ended.

use flow_filter::notice::Notice;
use flow_model::Reporter::{Destination, Source};
use serde_json::json;

use crate::attributes::Fake;
use crate::sidecar::{HOUR, HOUR_MS, START_MS, Sidecar};

const NAMES: [&str; 3] = ["frontend", "backend", "v"];

fn logger() -> Sidecar {
    Sidecar::new(
        json!({
            "mode": "access_log",
            "report": "both",
            "trust_request_headers": "inbound",
            "src_app": [{"request_header": "x-app"}, {"node_metadata": "app"}],
            "dest_app": ["cluster_name"],
            "vpc_id": "v",
        }),
        1,
    )
}

fn stream(side: Fake, size: i64, total_size: i64, response_size: i64) -> Fake {
    side.with("xds.cluster_name", "backend")
        .with_integer("request.size", size)
        .with_integer("request.total_size", total_size)
        .with_integer("response.size", response_size)
}

#[test]
fn a_stream_counts_once_when_it_has_ended() {
    let mut sidecar = logger();
    sidecar.now_ms = START_MS + HOUR_MS;
    sidecar.record(&stream(Fake::outbound(), 10, 10, 7));
    sidecar.record(&stream(Fake::outbound(), 1, 1, 0));
    sidecar.record(&stream(Fake::inbound(), 0, 0, 5));
    sidecar.record(&stream(Fake::outbound(), 0, 0, 0));
    sidecar.run_ms(2_000);
    assert_eq!(sidecar.aggregator.row(Source, HOUR + 1, NAMES), (11, 7));
    assert_eq!(sidecar.aggregator.row(Destination, HOUR + 1, NAMES), (0, 5));
    assert_eq!(sidecar.aggregator.bytes(), 23);
}

#[test]
fn what_has_come_counts_and_not_what_was_announced() {
    let mut sidecar = logger();
    // Of 1,000 announced bytes 30 have come, with 15 bytes of headers.
    let headers = |stream: Fake| stream.with("header.content-length", "").with("header.x", "");
    sidecar.record(&headers(stream(Fake::outbound(), 1_000, 45, 0)));
    // Nothing was announced, as for a WebSocket, and 4 bytes have come.
    sidecar.record(&headers(stream(Fake::outbound(), 0, 19, 0)));
    sidecar.run_ms(2_000);
    assert_eq!(sidecar.aggregator.row(Source, HOUR, NAMES), (34, 0));
}

#[test]
fn names_come_from_headers_too() {
    let mut sidecar = logger();
    sidecar.record(&stream(Fake::inbound(), 3, 14, 0).with("header.x-app", "caller"));
    sidecar.record(&stream(Fake::outbound(), 3, 14, 0).with("header.x-app", "forged"));
    sidecar.run_ms(2_000);
    assert_eq!(sidecar.aggregator.row(Destination, HOUR, ["caller", "backend", "v"]), (3, 0));
    assert_eq!(sidecar.aggregator.row(Source, HOUR, NAMES), (3, 0));
}

#[test]
fn where_its_mode_does_not_belong_it_counts_nothing_and_says_so_once() {
    let mut logger = logger();
    for _ in 0..3 {
        assert_eq!(logger.filter.open(), None);
    }
    let mut filter =
        Sidecar::new(json!({"mode": "http", "src_app": "a", "dest_app": "b", "vpc_id": "v"}), 1);
    for _ in 0..3 {
        filter.record(&stream(Fake::outbound(), 1, 1, 1));
    }
    for sidecar in [&mut logger, &mut filter] {
        sidecar.run_ms(2_000);
        assert_eq!(sidecar.aggregator.bytes(), 0);
        let notices = sidecar.filter.take_notices();
        assert!(matches!(notices[..], [Notice::Misplaced { .. }]), "{notices:?}");
    }
}

#[test]
fn a_given_direction_is_compared_now_and_then_and_not_for_every_stream() {
    for (direction, side, listener, is_right) in [
        ("outbound", Source, Fake::outbound as fn() -> Fake, false),
        ("inbound", Destination, Fake::outbound, false),
        ("inbound", Destination, Fake::inbound, true),
    ] {
        let config = json!({"mode": "access_log", "report": "both", "direction": direction,
                            "src_app": "frontend", "dest_app": "backend", "vpc_id": "v"});
        let mut sidecar = Sidecar::new(config, 1);
        let attributes = stream(listener(), 0, 0, 1);
        for reads in [4, 7, 10] {
            sidecar.record(&attributes);
            // The two sizes and a header, and once the direction.
            assert_eq!(attributes.reads(), reads);
        }
        sidecar.run_ms(1_000);
        // From time to time, it is compared again: the root's listeners may differ.
        sidecar.record(&stream(Fake::inbound(), 0, 0, 1));
        sidecar.run_ms(2_000);
        assert_eq!(sidecar.aggregator.row(side, HOUR, NAMES), (0, 4));
        let notices = sidecar.filter.take_notices();
        assert_eq!(!notices.contains(&Notice::DirectionContradicted), is_right, "{notices:?}");
    }
}
