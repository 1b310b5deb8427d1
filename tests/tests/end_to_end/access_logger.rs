//! Access-log mode: what Envoy tells an access logger at the end of each stream.

use std::io::{Read, Write};
use std::net::TcpStream;

use flow_tests::deadline::wait_for;
use flow_tests::{Bytes, Mesh, Totals};

#[test]
fn requests_and_connections_are_counted_to_the_byte() {
    for workers in [1, 4] {
        let mesh = Mesh::plan().with_access_loggers().workers(workers).start();
        let client = mesh.http();
        let http = client.get(54_321) + client.post(2_000) + client.upload(77_777) + client.get(0);
        let mut stream = mesh.http2_stream();
        let http2 = stream.exchange(1_000, 2_000);
        stream.finish();
        let mut connection = mesh.tcp();
        let tcp = connection.exchange(11_111, 222_222) + connection.exchange(3, 0);
        drop(connection);
        assert_eq!(mesh.frontend().access_log("outbound_http").bytes_of(5), http + http2);
        assert_eq!(mesh.frontend().access_log("outbound_tcp").bytes_of(1), tcp);
        mesh.ends_with(&Totals::of([
            ("frontend", "backend", http + http2),
            ("frontend", "backend-tcp", tcp),
        ]));
    }
}

#[test]
fn of_what_was_broken_off_that_counts_which_came() {
    const ROUNDS: usize = 10;
    let mesh = Mesh::plan().with_access_loggers().start();
    for round in 0..ROUNDS {
        let address = ("127.0.0.1", mesh.ports().outbound_http);
        let mut stream = TcpStream::connect(address).expect("the sidecar listens");
        // More is announced than will come; and of the answer, only a part is read.
        let head = "POST /bytes/3000000 HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("it reads");
        stream.write_all(&vec![b'x'; 1_000 * round]).expect("it reads");
        if round % 2 == 0 {
            drop(stream.set_read_timeout(Some(std::time::Duration::from_millis(50))));
            drop(stream.read(&mut [0; 100]));
        }
    }
    let log = mesh.frontend().access_log("outbound_http");
    let witnessed = log.bytes_of(ROUNDS);
    assert!(witnessed.tx < 1_000_000, "no upload was broken off: {witnessed:?}");
    mesh.ends_with(&Totals::of([("frontend", "backend", witnessed)]));
}

/// Envoy 1.40 writes its own logs at intervals, too, but tells a Wasm logger of the end only.
#[test]
fn an_envoy_that_flushes_its_logs_at_intervals_counts_nothing_twice() {
    let options = |prefix: &str| {
        format!("{prefix}          access_log_options: {{ access_log_flush_interval: 0.1s }}\n")
    };
    let [http, tcp] =
        ["http", "tcp"].map(|name| format!("          stat_prefix: outbound_{name}\n"));
    let mesh = Mesh::plan()
        .with_access_loggers()
        .edit_frontend(&http, &options(&http))
        .edit_frontend(&tcp, &options(&tcp))
        .start();
    let mut connection = mesh.tcp();
    let mut stream = mesh.http_stream();
    let mut sent = [Bytes::default(); 2];
    let log = |name: &str, count: usize| {
        wait_for("Envoy's own log to be flushed", || {
            let lines = mesh.frontend().access_log(name).lines().len();
            if lines >= count { Ok(()) } else { Err(lines.to_string()) }
        });
    };
    for round in 1..=3 {
        sent[0] += stream.exchange(1_000, 500);
        sent[1] += connection.exchange(10 * round, 20);
        log("outbound_http", 2 * round);
        log("outbound_tcp", 2 * round);
    }
    stream.finish();
    drop(connection);
    let [http, tcp] = sent;
    mesh.ends_with(&Totals::of([("frontend", "backend", http), ("frontend", "backend-tcp", tcp)]));
}
