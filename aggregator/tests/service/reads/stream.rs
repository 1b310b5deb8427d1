//! The stream of changes.

use std::io::{BufRead, BufReader};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Row, a_row, rows, write};
use crate::fas::{Fas, agent, directory};

#[derive(Debug, Default)]
struct Event {
    kind: String,
    id: Option<u64>,
    data: Value,
}

/// A reader of a stream, on a thread of its own.
struct Reader(Receiver<Event>);

impl Reader {
    fn open(fas: &Fas, query: &str, last_event_id: Option<u64>) -> Self {
        let mut request = agent().get(fas.url(&format!("/v1/stream?{query}")));
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id.to_string());
        }
        let response = request.call().unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let (sender, events) = channel();
        std::thread::spawn(move || {
            let mut event = Event::default();
            for line in BufReader::new(response.into_body().into_reader()).lines() {
                let Ok(line) = line else { break };
                match line.split_once(": ") {
                    Some(("event", kind)) => event.kind = kind.to_owned(),
                    Some(("id", id)) => event.id = Some(id.parse().unwrap()),
                    Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
                    _ => {}
                }
                let is_complete = line.is_empty() && !event.kind.is_empty();
                if is_complete && sender.send(std::mem::take(&mut event)).is_err() {
                    break;
                }
            }
        });
        Self(events)
    }

    fn next(&self) -> Event {
        self.0.recv_timeout(Duration::from_secs(30)).unwrap()
    }

    /// The hello, with the id from which the stream goes on.
    fn hello(&self) -> u64 {
        let hello = self.next();
        assert_eq!((hello.kind.as_str(), &hello.data), ("hello", &json!({})));
        hello.id.unwrap()
    }

    /// Reads until a row has been seen; gives the id of the last event, if it had one.
    fn until(&self, row: &Row) -> Option<u64> {
        loop {
            let event = self.next();
            assert_eq!(event.kind, "flows", "{event:?}");
            if rows(&event.data).contains(row) {
                return event.id;
            }
        }
    }
}

#[test]
fn what_is_written_comes_as_it_is_now() {
    let data = directory();
    let fas = Fas::start(data.path());
    write(&fas, &[a_row(1, "a", "b", "v", 1, 1)]);
    let reader = Reader::open(&fas, "", None);
    reader.hello();
    write(&fas, &[a_row(1, "a", "b", "v", 2, 2)]);
    reader.until(&a_row(1, "a", "b", "v", 3, 3));
    write(&fas, &[a_row(2, "c", "b", "v", 2, 2)]);
    reader.until(&a_row(2, "c", "b", "v", 2, 2));
}

#[test]
fn a_stream_has_only_what_was_selected() {
    let data = directory();
    let fas = Fas::start(data.path());
    let reader = Reader::open(&fas, "src_app=web*&from=5", None);
    reader.hello();
    write(
        &fas,
        &[
            a_row(5, "api", "b", "v", 1, 1),
            a_row(4, "web", "b", "v", 1, 1),
            a_row(5, "web", "b", "v", 1, 1),
        ],
    );
    let event = reader.next();
    assert_eq!(rows(&event.data), [a_row(5, "web", "b", "v", 1, 1)]);
}

#[test]
fn a_stream_is_resumed_without_a_gap() {
    let data = directory();
    let fas = Fas::start(data.path());
    let reader = Reader::open(&fas, "", None);
    let hello = reader.hello();
    write(&fas, &[a_row(1, "a", "b", "v", 1, 1)]);
    let first = reader.until(&a_row(1, "a", "b", "v", 1, 1)).unwrap();
    assert!(first > hello);
    drop(reader);
    write(&fas, &[a_row(1, "c", "b", "v", 1, 1)]);
    let resumed = Reader::open(&fas, "", Some(first));
    assert_eq!(resumed.hello(), first);
    let event = resumed.next();
    assert_eq!(rows(&event.data), [a_row(1, "c", "b", "v", 1, 1)]);
    // By parameter, from further back: both.
    let again = Reader::open(&fas, &format!("last_event_id={hello}"), None);
    assert_eq!(again.hello(), hello);
    let event = again.next();
    assert_eq!(rows(&event.data), [a_row(1, "a", "b", "v", 1, 1), a_row(1, "c", "b", "v", 1, 1)]);
}

#[test]
fn an_open_stream_does_not_hold_up_the_end() {
    let data = directory();
    let fas = Fas::start(data.path());
    let reader = Reader::open(&fas, "", None);
    reader.hello();
    let start = Instant::now();
    fas.signal("TERM");
    let (status, log) = fas.wait();
    assert!(status.success(), "{log}");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}
