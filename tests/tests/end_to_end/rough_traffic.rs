//! Traffic as a mesh has it: very much at once, very many connections, clients that go in the
//! middle, and an aggregator that takes nothing. It passes undisturbed, and is counted exactly.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use flow_tests::deadline::wait_for;
use flow_tests::{Bytes, Mesh, Totals};

#[test]
fn a_gibibyte_is_counted_to_the_byte() {
    const CHUNK: usize = 64 * 1024 * 1024;
    let mesh = Mesh::plan().start();
    let mut connection = mesh.tcp();
    let sent: Bytes = (0..16).map(|_| connection.exchange(0, CHUNK)).sum();
    assert!(sent.rx >= 1 << 30);
    mesh.ends_with(&Totals::of([("frontend", "backend-tcp", sent)]));
}

#[test]
fn ten_thousand_short_connections_are_counted_to_the_byte() {
    const CLIENTS: usize = 4;
    let mesh = Mesh::plan().workers(4).start();
    // Each is answered before the next begins, or they would pile up at the app.
    let client = |number: usize| -> Bytes {
        (0..10_000 / CLIENTS).map(|n| mesh.tcp().exchange(n % 100, 1 + number)).sum()
    };
    let sent: Bytes = thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CLIENTS).map(|number| scope.spawn(move || client(number))).collect();
        clients.into_iter().map(|client| client.join().expect("a client fares well")).sum()
    });
    mesh.ends_with(&Totals::of([("frontend", "backend-tcp", sent)]));
}

#[test]
fn a_websocket_is_counted_while_it_lives() {
    const UPGRADE: [&str; 2] = ["outbound_http\n", "inbound_http\n"];
    let [frontend, backend] = UPGRADE.map(|name| format!("          stat_prefix: {name}"));
    let with = |prefix: &str| {
        format!("{prefix}          upgrade_configs: [ {{ upgrade_type: websocket }} ]\n")
    };
    let mesh = Mesh::plan()
        .edit_frontend(&frontend, &with(&frontend))
        .edit_backend(&backend, &with(&backend))
        .start();
    let mut socket = mesh.upgraded();
    let mut sent = Bytes::default();
    for round in 1..4 {
        sent += socket.exchange(1_000 * round, 20_000);
        mesh.fas().wait_for_totals(&Totals::of([("frontend", "backend", sent)]));
    }
    drop(socket);
    assert_eq!(mesh.frontend().access_log("outbound_http").bytes_of(1), sent);
    mesh.ends_with(&Totals::of([("frontend", "backend", sent)]));
}

#[test]
fn what_envoy_passed_on_before_a_client_went_is_counted() {
    const ROUNDS: usize = 20;
    let mesh = Mesh::plan().workers(2).start();
    for round in 0..ROUNDS {
        let address = ("127.0.0.1", mesh.ports().outbound_http);
        let mut stream = TcpStream::connect(address).expect("the sidecar listens");
        stream.write_all(b"GET /bytes/5000000 HTTP/1.1\r\nhost: a\r\n\r\n").expect("it reads");
        // With data unread, the end of the connection is a reset.
        stream.read_exact(&mut vec![0; 1 + 20_000 * round]).expect("it answers");
    }
    let log = mesh.frontend().access_log("outbound_http");
    let witnessed = log.bytes_of(ROUNDS);
    let broken_off = log.lines().iter().filter(|line| line["response_flags"] != "-").count();
    assert!(broken_off > 0, "nothing was reset");
    mesh.ends_with(&Totals::of([("frontend", "backend", witnessed)]));
}

#[test]
fn an_aggregator_that_refuses_everything_disturbs_nothing_and_the_loss_is_counted() {
    // An app that knows no batches answers 404.
    let mesh =
        Mesh::plan().edit_frontend(r#""cluster": "flow_aggregator""#, r#""cluster": "backend""#);
    let mesh = mesh.start();
    let http = mesh.http().get(100_000) + mesh.http().post(3_000);
    let sent = http + mesh.tcp().exchange(100, 200);
    let expected = format!("wasmcustom.flow_filter_lost_bytes: {}\n", sent.tx + sent.rx);
    wait_for("the loss to be counted", || {
        let stats = mesh.frontend().admin("/stats?filter=flow_filter");
        if stats.contains(&expected) { Ok(()) } else { Err(stats) }
    });
    assert_eq!(mesh.frontend().access_log("outbound_http").bytes_of(2), http);
    assert_eq!(mesh.fas().totals(), Ok(Totals::default()));
}
