//! Starting, configuring and ending the program.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Instant;

use aggregator::limits::SHUTDOWN_GRACE;
use serde_json::json;

use crate::fas::{Fas, command, directory, until};

const RECORD: &str =
    r#"[{"src_app":"a","dest_app":"b","vpc_id":"v","bytes_tx":1,"bytes_rx":2,"hour":3}]"#;

#[test]
fn sigterm_finishes_what_is_in_flight_and_exits_with_0() {
    let data = directory();
    for signal in ["TERM", "INT"] {
        let fas = Fas::start(data.path());
        // A request whose body is on its way when the signal comes.
        let mut stream = TcpStream::connect(&fas.address).unwrap();
        let (first, rest) = RECORD.split_at(10);
        write!(
            stream,
            "POST /flows HTTP/1.1\r\nhost: fas\r\nexpect: 100-continue\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            RECORD.len()
        )
        .unwrap();
        // The server asks for the body: the request has begun.
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(&head, b"HTTP/1.1 100");
        stream.write_all(first.as_bytes()).unwrap();
        fas.signal(signal);
        until("the port is closed", || TcpStream::connect(&fas.address).is_err());
        stream.write_all(rest.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with(r#"{"accepted":1}"#), "{answer}");
        let (status, log) = fas.wait();
        assert_eq!(status.code(), Some(0), "{log}");
    }
    let fas = Fas::start(data.path());
    assert_eq!(fas.flows(3)[0]["bytes_tx"], 2);
}

#[test]
fn connections_with_nothing_in_flight_do_not_hold_up_the_end() {
    let data = directory();
    let fas = Fas::start(data.path());
    let mut kept = TcpStream::connect(&fas.address).unwrap();
    write!(kept, "GET /healthz HTTP/1.1\r\nhost: fas\r\n\r\n").unwrap();
    kept.read_exact(&mut [0; 12]).unwrap();
    let silent = TcpStream::connect(&fas.address).unwrap();
    let begun = Instant::now();
    fas.signal("TERM");
    let (status, log) = fas.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(begun.elapsed() < SHUTDOWN_GRACE / 2, "{log}");
    drop((kept, silent));
}

#[test]
fn a_second_process_on_a_directory_is_refused() {
    let data = directory();
    let _first = Fas::start(data.path());
    let second =
        command(&["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data.path()).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains("in use by another process"), "{said}");
}

#[test]
fn a_port_in_use_is_an_error_that_names_it() {
    let (data, other) = (directory(), directory());
    let first = Fas::start(data.path());
    let second = command(&["serve", "--listen", &first.address, "--data"])
        .arg(other.path())
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains(&format!("cannot listen on {}", first.address)), "{said}");
}

#[test]
fn settings_come_from_flags_the_environment_and_a_file() {
    let home = directory();
    let config = home.path().join("fas.toml");
    let from_file = home.path().join("from-file");
    let from_environment = home.path().join("from-environment");
    std::fs::write(&config, format!("listen = \"127.0.0.1:0\"\ndata = {from_file:?}\n")).unwrap();
    let config = config.to_str().unwrap();
    drop(Fas::launch(&mut command(&["serve", "--config", config])));
    assert!(from_file.exists());
    drop(Fas::launch(
        command(&["serve"]).env("FAS_CONFIG", config).env("FAS_DATA", &from_environment),
    ));
    assert!(from_environment.exists());
    drop(Fas::launch(command(&["serve", "--listen", "127.0.0.1:0"]).env("HOME", home.path())));
    assert!(home.path().join(".local/share/fas").exists());
}

#[test]
fn wrong_settings_end_with_a_message() {
    for (arguments, word) in [
        (&["serve"][..], "FAS_DATA"),
        (&["serve", "--data", "/proc/nowhere", "--listen", "127.0.0.1:0"], "/proc/nowhere"),
        (&["serve", "--config", "/nonexistent.toml"], "/nonexistent.toml"),
        (&["serve", "--lisen", "x"], "--lisen"),
        (&[], "serve"),
    ] {
        let output = command(arguments).stdout(Stdio::piped()).output().unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(word), "{arguments:?}: {said}");
    }
}

#[test]
fn an_unfinished_request_does_not_hold_up_others() {
    let data = directory();
    let fas = Fas::start(data.path());
    let idle: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(&fas.address).unwrap()).collect();
    assert_eq!(fas.post("/flows", RECORD).json(), json!({"accepted": 1}));
    drop(idle);
}
