//! Clients that are slow, many, or malicious: they get an answer or are let go, and the others
//! never notice.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use aggregator::limits::{MAX_BODIES_BYTES, MAX_BODY_BYTES};
use serde_json::{Value, json};

use crate::fas::{Fas, directory, until};
use crate::http2::{self, Http2};

const RECORD: &str =
    r#"[{"src_app":"a","dest_app":"b","vpc_id":"v","bytes_tx":1,"bytes_rx":2,"hour":1}]"#;

/// A service that waits for slow clients this long at most.
fn impatient(data: &Path, patience_ms: u32) -> Fas {
    let patience = patience_ms.to_string();
    Fas::start_with(data, &["--listen", "127.0.0.1:0", "--patience-ms", &patience])
}

fn still_serves(fas: &Fas) {
    assert_eq!(fas.post("/flows", RECORD).json(), json!({"accepted": 1}));
    assert_eq!(fas.get("/healthz").status, 200);
}

fn connect(fas: &Fas) -> TcpStream {
    let stream = TcpStream::connect(&fas.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// Whether the service has closed the connection; nothing may have come before.
fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

/// An hour of 40,000 flows, about 30 MB: too large for the buffers on its way.
fn write_a_large_hour(fas: &Fas) {
    let long = "x".repeat(245);
    for part in 0..4 {
        let flows: Vec<Value> = (0..10_000)
            .map(|n| {
                json!({"src_app": format!("{part}-{n}-{long}"), "dest_app": long, "vpc_id": long,
                       "bytes_tx": 1, "bytes_rx": 2, "hour": 7})
            })
            .collect();
        assert_eq!(fas.post("/flows", Value::from(flows).to_string()).status, 200);
    }
}

#[test]
fn a_head_that_dribbles_in_is_not_waited_for() {
    let data = directory();
    let fas = impatient(data.path(), 500);
    let mut silent = connect(&fas);
    let mut slow = connect(&fas);
    let begun = Instant::now();
    write!(slow, "GET /healthz HTTP/1.1\r\n").unwrap();
    slow.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    // One header after the other, for as long as it is let.
    until("the connection is closed", || {
        let _ = write!(slow, "x: y\r\n");
        is_closed(&mut slow)
    });
    assert!(begun.elapsed() >= Duration::from_millis(500));
    assert!(is_closed(&mut silent), "who says nothing at all is no better off");
    assert!(fas.metric("fas_connections_ended_total{reason=\"idle\"}") >= 2.0);
    still_serves(&fas);
}

#[test]
fn a_connection_that_has_nothing_more_to_ask_is_closed() {
    let data = directory();
    let fas = impatient(data.path(), 300);
    let mut stream = connect(&fas);
    write!(stream, "GET /healthz HTTP/1.1\r\nhost: fas\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"), "{answer}");
}

#[test]
fn a_body_that_stands_still_is_a_408() {
    let data = directory();
    let fas = impatient(data.path(), 300);
    for path in ["/flows", "/v1/batches"] {
        let answer = fas.raw(
            format!(
                "POST {path} HTTP/1.1\r\nhost: fas\r\ncontent-type: application/json\r\n\
                 content-length: 100\r\n\r\n["
            )
            .as_bytes(),
        );
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
    }
    still_serves(&fas);
}

#[test]
fn a_body_that_dribbles_in_is_a_408_too() {
    let data = directory();
    let fas = impatient(data.path(), 500);
    let mut slow = connect(&fas);
    write!(
        slow,
        "POST /flows HTTP/1.1\r\nhost: fas\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\n\r\n"
    )
    .unwrap();
    slow.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut answer = [0; 12];
    until("there is an answer", || {
        let _ = write!(slow, "1\r\n \r\n");
        slow.read_exact(&mut answer).is_ok()
    });
    assert_eq!(&answer, b"HTTP/1.1 408");
    still_serves(&fas);
}

#[test]
fn bodies_have_a_bound_together() {
    let data = directory();
    let fas = Fas::start(data.path());
    let almost = vec![b' '; MAX_BODY_BYTES - 1];
    let mut clients: Vec<TcpStream> = (0..=MAX_BODIES_BYTES / MAX_BODY_BYTES + 1)
        .map(|_| {
            let mut client = connect(&fas);
            write!(
                client,
                "POST /flows HTTP/1.1\r\nhost: fas\r\ncontent-type: application/json\r\n\
                 content-length: {MAX_BODY_BYTES}\r\n\r\n"
            )
            .unwrap();
            let _ = client.write_all(&almost);
            client.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            client
        })
        .collect();
    until("somebody is refused", || {
        let mut head = [0; 12];
        clients
            .iter_mut()
            .any(|client| client.read_exact(&mut head).is_ok() && &head == b"HTTP/1.1 503")
    });
    drop(clients);
    until("there is room again", || fas.metric("fas_http_requests_in_flight") == 1.0);
    still_serves(&fas);
}

#[test]
fn who_does_not_take_an_answer_does_not_hold_it() {
    let data = directory();
    let fas = impatient(data.path(), 1_000);
    write_a_large_hour(&fas);
    let mut slow = connect(&fas);
    write!(slow, "GET /flows?hour=7 HTTP/1.1\r\nhost: fas\r\n\r\n").unwrap();
    let stalled = "fas_connections_ended_total{reason=\"stalled\"}";
    until("the answer is under way", || fas.metric("fas_http_requests_in_flight") > 1.0);
    until("it is given up", || fas.metric(stalled) > 0.0);
    until("it is let go", || fas.metric("fas_http_requests_in_flight") == 1.0);
    let mut taken = Vec::new();
    let _ = slow.read_to_end(&mut taken);
    assert!(!taken.ends_with(b"0\r\n\r\n"), "what is cut off does not look complete");
    // Who takes it gets it.
    assert_eq!(fas.flows(7).len(), 40_000);
    still_serves(&fas);
}

#[test]
fn an_answer_that_is_cut_off_looks_cut_off_to_http_1_0_too() {
    let data = directory();
    let fas = impatient(data.path(), 1_000);
    write_a_large_hour(&fas);
    let mut slow = connect(&fas);
    slow.write_all(b"GET /flows?hour=7 HTTP/1.0\r\nhost: fas\r\n\r\n").unwrap();
    let stalled = "fas_connections_ended_total{reason=\"stalled\"}";
    until("it is given up", || fas.metric(stalled) > 0.0);
    // Version 1.0 knows no other end of such a body than that of the connection.
    let error = slow.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    still_serves(&fas);
}

#[test]
fn an_answer_before_the_end_of_the_body_is_not_lost_to_a_reset() {
    let data = directory();
    let fas = Fas::start(data.path());
    let mut early = connect(&fas);
    early
        .write_all(b"POST /nowhere HTTP/1.1\r\nhost: fas\r\ncontent-length: 9999999\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    early.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 404 "), "{}", String::from_utf8_lossy(&answer));
    // Whoever sends its body first and reads then finds the same: nothing is refused yet.
    for _ in 0..5 {
        early.write_all(&[0; 1_000]).unwrap();
    }
    assert_eq!(early.read(&mut [0]).unwrap(), 0);
    // It goes on for a while, and not for ever.
    until("it is closed", || early.write_all(&[0; 10_000]).is_err());
    still_serves(&fas);
}

#[test]
fn http_2_needs_no_tls_and_a_stream_that_is_not_taken_is_not_held() {
    let data = directory();
    let fas = impatient(data.path(), 1_000);
    write_a_large_hour(&fas);
    let mut client = Http2::greet(connect(&fas), 0);
    client.get(1, "/flows?hour=7");
    let head = std::iter::from_fn(|| client.next()).find(|frame| frame.kind == http2::HEADERS);
    // The first byte is the static table's `:status 200`.
    assert_eq!(head.map(|head| (head.stream, head.payload[0])), Some((1, 0x88)));
    // The connection is alive, and the stream's window stays shut.
    until("it is let go", || fas.metric("fas_http_requests_in_flight") == 1.0);
    assert!(fas.metric("fas_connections_ended_total{reason=\"stalled\"}") > 0.0);
    let rest: Vec<_> = std::iter::from_fn(|| client.next()).collect();
    assert!(rest.iter().all(|frame| frame.kind != http2::DATA), "{rest:?}");
    still_serves(&fas);
}

#[test]
fn http_2_serves_many_requests_on_one_connection() {
    let data = directory();
    let fas = Fas::start(data.path());
    let mut client = Http2::greet(connect(&fas), 65_535);
    let streams: Vec<u32> = (0..50).map(|n| 2 * n + 1).collect();
    for stream in &streams {
        client.get(*stream, "/healthz");
    }
    let mut bodies: Vec<(u32, Vec<u8>)> = std::iter::from_fn(|| client.next())
        .filter(|frame| frame.kind == http2::DATA && !frame.payload.is_empty())
        .map(|frame| (frame.stream, frame.payload))
        .take(streams.len())
        .collect();
    bodies.sort();
    let expected: Vec<_> = streams.iter().map(|stream| (*stream, b"ok\n".to_vec())).collect();
    assert_eq!(bodies, expected);
    fas.signal("TERM");
    assert!(std::iter::from_fn(|| client.next()).any(|frame| frame.kind == http2::GOAWAY));
    drop(client);
    assert_eq!(fas.wait().0.code(), Some(0));
}

#[test]
fn more_connections_than_there_may_be_are_told_so() {
    let data = directory();
    let fas = Fas::start_with(data.path(), &["--listen", "127.0.0.1:0", "--max-connections", "2"]);
    let mut seated = [connect(&fas), connect(&fas)];
    let ask = |stream: &mut TcpStream| {
        write!(stream, "GET /healthz HTTP/1.1\r\nhost: fas\r\n\r\n").unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        String::from_utf8(head.to_vec()).unwrap()
    };
    for stream in &mut seated {
        assert_eq!(ask(stream), "HTTP/1.1 200");
    }
    for _ in 0..3 {
        let refused = fas.raw(b"GET /healthz HTTP/1.1\r\nhost: fas\r\n\r\n");
        assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
        for part in ["retry-after: 1\r\n", "application/problem+json", "too many connections"] {
            assert!(refused.contains(part), "{refused}");
        }
    }
    drop(seated);
    until("there is room again", || {
        fas.raw(b"GET /healthz HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 200")
    });
    // The client that asks may be turned away itself, until all the others are gone.
    until("it is counted", || fas.metric("fas_connections_refused_total") >= 3.0);
    still_serves(&fas);
}

#[test]
fn who_hoards_connections_loses_them() {
    let data = directory();
    let fas = Fas::start_with(
        data.path(),
        &["--listen", "127.0.0.1:0", "--max-connections", "20", "--patience-ms", "300"],
    );
    let mut hoard: Vec<TcpStream> = (0..40).map(|_| connect(&fas)).collect();
    until("there is room again", || {
        fas.raw(b"GET /healthz HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 200")
    });
    // Those who were refused have an answer before the end.
    assert!(hoard.iter_mut().all(|stream| stream.read_to_end(&mut Vec::new()).is_ok()));
    still_serves(&fas);
}

#[test]
fn the_store_has_files_when_connections_want_them_all() {
    let data = directory();
    let fas = env!("CARGO_BIN_EXE_fas");
    let script = format!(
        "ulimit -n 128; exec {fas} serve --listen 127.0.0.1:0 --data {}",
        data.path().display()
    );
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", &script]).env_clear().stderr(std::process::Stdio::piped());
    let fas = Fas::launch(&mut shell);
    still_serves(&fas);
    let many: Vec<TcpStream> = (0..200).map(|_| connect(&fas)).collect();
    // The client's own connection was there before.
    still_serves(&fas);
    drop(many);
    until("new clients are served", || {
        fas.raw(b"GET /healthz HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 200")
    });
    until("it is counted", || fas.metric("fas_connections_refused_total") > 0.0);
}

#[test]
fn heads_beyond_the_bounds_are_refused_in_words_where_possible() {
    let data = directory();
    let fas = Fas::start(data.path());
    let ask = |path: &str, headers: &str| {
        fas.raw(
            format!("GET {path} HTTP/1.1\r\nhost: fas\r\nconnection: close\r\n{headers}\r\n")
                .as_bytes(),
        )
    };
    let query = |size: usize| format!("/flows?{}", "q".repeat(size));
    let header = |size: usize| format!("x: {}\r\n", "y".repeat(size));
    let words = "application/problem+json";
    for (path, headers, status, part) in [
        (query(16 * 1024), String::new(), 400, words),
        (query(16 * 1024 + 1), String::new(), 414, words),
        (format!("/{}", "p".repeat(1_024)), String::new(), 414, words),
        ("/healthz".to_owned(), header(15 * 1024), 200, "ok"),
        ("/healthz".to_owned(), header(16 * 1024), 431, words),
        ("/healthz".to_owned(), header(100 * 1024), 431, ""),
        ("/healthz".to_owned(), header(1).repeat(98), 200, "ok"),
        ("/healthz".to_owned(), header(1).repeat(99), 431, ""),
        (query(100 * 1024), String::new(), 431, ""),
    ] {
        let answer = ask(&path, &headers);
        let expected = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&expected) && answer.contains(part), "{expected}: {answer}");
    }
    still_serves(&fas);
}

#[test]
fn garbage_is_refused_or_let_go() {
    let data = directory();
    let fas = impatient(data.path(), 500);
    let hello: Vec<u8> = [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", &[7; 500][..]].concat();
    for garbage in [
        &b"\x00"[..],
        &[0xff; 4096],
        &hello,
        b"\r\n\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"GET /healthz\x00 HTTP/1.1\r\nhost: fas\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nbad header\r\n\r\n",
        b"POST /flows HTTP/1.1\r\nhost: fas\r\ncontent-length: x\r\n\r\n",
        b"POST /flows HTTP/1.1\r\nhost: fas\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST /flows HTTP/1.1\r\nhost: fas\r\ncontent-type: application/json\r\n\
          transfer-encoding: chunked\r\n\r\nnonsense\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ngarbage that is no frame at all",
    ] {
        let answer = fas.raw(garbage);
        assert!(!answer.starts_with("HTTP/1.1 2"), "{garbage:?}: {answer}");
    }
    assert_eq!(fas.flows(1), [] as [Value; 0]);
    still_serves(&fas);
}

#[test]
fn a_flood_of_clients_that_go_at_once_leaves_nothing_behind() {
    let data = directory();
    let fas = Fas::start(data.path());
    for n in 0..500 {
        let mut stream = connect(&fas);
        // At different points of a request.
        let request = b"GET /flows?hour=1 HTTP/1.1\r\nhost: fas\r\n\r\n";
        let _ = stream.write_all(&request[..n % request.len()]);
    }
    until("all are gone", || fas.metric("fas_connections") <= 1.0);
    assert_eq!(fas.metric("fas_http_requests_in_flight"), 1.0);
    still_serves(&fas);
}
