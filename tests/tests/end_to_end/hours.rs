//! Bytes belong to the hour in which they moved, also on a connection or a request that lives on.
//! Envoy's own wall clock is set for this; its steady clock runs as ever.

use std::time::Duration;

use flow_tests::totals::Hours;
use flow_tests::{Bytes, Mesh, Totals};

const MINUTE: Duration = Duration::from_secs(60);

/// Long enough for what is done in it, on a slow machine too, and short enough to be waited for.
const SOON: Duration = Duration::from_millis(1_500);

/// Something that stays open while bytes move on it.
type Exchange<'a> = &'a mut dyn FnMut(usize, usize) -> Bytes;

#[test]
fn bytes_of_a_tcp_connection_are_in_the_hours_in_which_they_moved() {
    let mesh = Mesh::plan().with_clock().start();
    let mut connection = mesh.tcp();
    let mut exchange = |sent, wanted| connection.exchange(sent, wanted);
    let hours = over_several_hours(&mesh, "backend-tcp", &mut exchange);
    drop(connection);
    let total = sum(&hours);
    assert_eq!(mesh.frontend().access_log("outbound_tcp").bytes_of(1), total);
    assert_eq!(mesh.backend().access_log("inbound_tcp").bytes_of(1), total);
    mesh.ends_with_hours(&hours);
}

#[test]
fn bytes_of_a_streamed_request_are_in_the_hours_in_which_they_moved() {
    let mesh = Mesh::plan().with_clock().start();
    let mut request = mesh.http_stream();
    let mut exchange = |sent, wanted| request.exchange(sent, wanted);
    let hours = over_several_hours(&mesh, "backend", &mut exchange);
    request.finish();
    assert_eq!(mesh.frontend().access_log("outbound_http").bytes_of(1), sum(&hours));
    mesh.ends_with_hours(&hours);
}

#[test]
fn bytes_of_a_stream_like_grpcs_are_in_the_hours_in_which_they_moved() {
    let mesh = over_http2(Mesh::plan().with_clock()).start();
    let mut stream = mesh.http2_stream();
    let mut exchange = |sent, wanted| stream.exchange(sent, wanted);
    let hours = over_several_hours(&mesh, "backend", &mut exchange);
    stream.finish();
    assert_eq!(mesh.frontend().access_log("outbound_http").bytes_of(1), sum(&hours));
    assert_eq!(mesh.frontend().counter("cluster.backend.http2.tx_reset"), 0);
    assert!(mesh.frontend().counter("cluster.backend.upstream_cx_http2_total") > 0);
    mesh.ends_with_hours(&hours);
}

/// Both directions before and after each of three boundaries: one that is jumped over, one that
/// time passes by itself while nothing moves, and one a day later. All is read back while the
/// connection is open.
fn over_several_hours(mesh: &Mesh, destination: &str, exchange: Exchange<'_>) -> Hours {
    let clock = mesh.clock();
    let first = clock.hour();
    let mut hours = Hours::new();
    let count = |hours: &mut Hours, hour, bytes| {
        hours.entry(hour).or_default().add(key(destination), bytes);
        mesh.fas().wait_for_hours(hours);
    };

    clock.set_before_the_end_of(first, MINUTE);
    count(&mut hours, first, exchange(1_000, 20_000) + exchange(1, 0));
    clock.set(first + 1, MINUTE);
    until_noticed(mesh, &mut hours, exchange, first + 1);
    count(&mut hours, first + 1, exchange(3_000, 7_000));

    clock.set_before_the_end_of(first + 1, 2 * MINUTE);
    count(&mut hours, first + 1, exchange(500, 600));
    clock.set_before_the_end_of(first + 1, SOON);
    clock.wait_for_hour(first + 2);
    count(&mut hours, first + 2, exchange(11, 13));

    clock.set(first + 26, MINUTE);
    until_noticed(mesh, &mut hours, exchange, first + 26);
    count(&mut hours, first + 26, exchange(0, 5_000) + exchange(2_000, 0));
    hours
}

/// Moves single bytes until some are in this hour: a clock that was set is noticed at the filter's
/// next tick, or at once when an hour is about to end. Not one of them is lost meanwhile.
fn until_noticed(mesh: &Mesh, hours: &mut Hours, exchange: Exchange<'_>, hour: u64) {
    let in_hour = |hours: &Hours| hours.get(&hour).map(Totals::sum).unwrap_or_default();
    let before = in_hour(hours);
    let mut total = sum(hours);
    flow_tests::deadline::wait_until("the clock that was set to be noticed", || {
        total += exchange(1, 1);
        mesh.fas().by_hour().is_ok_and(|found| in_hour(&found) > before)
    });
    mesh.fas().wait_for_sum(total);
    *hours = mesh.fas().by_hour().expect("the aggregator answers");
}

#[test]
fn what_moves_while_the_hour_ends_is_on_one_side_of_it_and_counted_once() {
    let mesh = Mesh::plan().with_clock().start();
    let clock = mesh.clock();
    let first = clock.hour();
    clock.set_before_the_end_of(first, SOON);
    let mut connection = mesh.tcp();
    let (mut before, mut meanwhile, mut after) = (Bytes::default(), Vec::new(), Bytes::default());
    while after < Bytes::new(500, 0) {
        let begun = clock.hour();
        let bytes = connection.exchange(93, 1_007);
        match (begun, clock.hour()) {
            (_, hour) if hour == first => before += bytes,
            (hour, _) if hour > first => after += bytes,
            // The hour ended while this was on its way, so that it may be in either.
            _ => meanwhile.push(bytes),
        }
    }
    assert!(before > Bytes::default(), "the hour was over before anything was sent");
    assert!(meanwhile.len() <= 1);
    let total = before + after + meanwhile.iter().copied().sum();
    mesh.fas().wait_for_sum(total);

    let hours = mesh.fas().by_hour().expect("the aggregator answers");
    assert_eq!(hours.keys().copied().collect::<Vec<_>>(), [first, first + 1]);
    for (hour, least) in [(first, before), (first + 1, after)] {
        let found = hours[&hour].sum();
        assert!(found.tx >= least.tx && found.rx >= least.rx, "{hour}: {found:?}, {least:?}");
    }
    drop(connection);
    assert_eq!(mesh.frontend().access_log("outbound_tcp").bytes_of(1), total);
}

#[test]
fn envoy_may_be_idle_when_the_hour_ends() {
    let mesh = Mesh::plan().with_clock().start();
    let clock = mesh.clock();
    let first = clock.hour();
    clock.set_before_the_end_of(first, MINUTE);
    let (mut tcp, mut http) = (mesh.tcp(), mesh.http_stream());
    let before = tcp.exchange(100, 200);
    let streamed = http.exchange(10, 20);
    let mut hours = Hours::from([(first, both(before, streamed))]);
    mesh.fas().wait_for_hours(&hours);
    let pushed = || mesh.frontend().counter("cluster.flow_aggregator.upstream_rq_total");
    let pushes = pushed();

    clock.set_before_the_end_of(first, SOON);
    clock.wait_for_hour(first + 1);
    // Neither connection has said a word, so all that is pushed is that the hour is over.
    flow_tests::deadline::wait_until("the word that the hour is over", || pushed() > pushes);
    mesh.fas().wait_for_hours(&hours);
    let after = tcp.exchange(300, 400);
    let streamed = http.exchange(30, 40);
    hours.insert(first + 1, both(after, streamed));
    mesh.fas().wait_for_hours(&hours);
    http.finish();
    drop(tcp);
    mesh.ends_with_hours(&hours);
}

#[test]
fn a_clock_that_is_set_back_takes_its_bytes_back_to_that_hour() {
    let mesh = Mesh::plan().with_clock().start();
    let clock = mesh.clock();
    let first = clock.hour();
    clock.set(first, MINUTE);
    let mut connection = mesh.tcp();
    let mut exchange = |sent, wanted| connection.exchange(sent, wanted);
    let mut hours = Hours::new();
    let count = |hours: &mut Hours, exchange: Exchange<'_>, hour, sent| {
        hours.entry(hour).or_default().add(key("backend-tcp"), exchange(sent, 2 * sent));
        mesh.fas().wait_for_hours(hours);
    };
    count(&mut hours, &mut exchange, first, 1_000);

    clock.set(first - 1, MINUTE);
    // Pushes go on although, by the clock, the time of the last one has not come yet.
    until_noticed(&mesh, &mut hours, &mut exchange, first - 1);
    count(&mut hours, &mut exchange, first - 1, 300);
    clock.set(first, 2 * MINUTE);
    until_noticed(&mesh, &mut hours, &mut exchange, first);
    count(&mut hours, &mut exchange, first, 50);
    drop(connection);
    mesh.ends_with_hours(&hours);
}

/// Has the two sidecars speak HTTP/2 with each other.
fn over_http2(plan: flow_tests::mesh::Plan) -> flow_tests::mesh::Plan {
    const CLUSTER: &str = "- name: backend\n    type: STRICT_DNS\n";
    const OPTIONS: &str = r#"    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: { http2_protocol_options: {} }
"#;
    plan.edit_frontend(CLUSTER, &[CLUSTER, OPTIONS].concat())
}

fn key(destination: &str) -> flow_tests::totals::Key {
    ("frontend".to_owned(), destination.to_owned(), flow_tests::totals::SAMPLE_VPC.to_owned())
}

fn both(tcp: Bytes, http: Bytes) -> Totals {
    Totals::of([("frontend", "backend-tcp", tcp), ("frontend", "backend", http)])
}

fn sum(hours: &Hours) -> Bytes {
    hours.values().map(Totals::sum).sum()
}
