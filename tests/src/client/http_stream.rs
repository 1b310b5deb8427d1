//! An HTTP/1.1 request whose body is sent in pieces, while the answer comes in pieces too.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::connect;
use crate::app::exchange;
use crate::bytes::Bytes;
use crate::chunked::{ChunkedReader, ChunkedWriter};

/// A request that stays open until it is finished.
pub struct HttpStream {
    request: ChunkedWriter<TcpStream>,
    answer: ChunkedReader<BufReader<TcpStream>>,
}

impl HttpStream {
    /// Begins a request to the listener on `port`, and waits for the head of its answer.
    pub fn open(port: u16) -> Self {
        let mut stream = connect(port);
        let head = "POST /exchange HTTP/1.1\r\nhost: backend\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("the sidecar takes a request");
        let mut reader = BufReader::new(stream.try_clone().expect("a socket can be shared"));
        let mut lines = Vec::new();
        while lines.last().is_none_or(|line: &String| !line.trim_end().is_empty()) {
            let mut line = String::new();
            reader.read_line(&mut line).expect("the sidecar answers");
            assert!(!line.is_empty(), "the answer ends in its head: {lines:?}");
            lines.push(line);
        }
        assert!(lines[0].starts_with("HTTP/1.1 200"), "the request was not taken: {lines:?}");
        Self { request: ChunkedWriter::new(stream), answer: ChunkedReader::new(reader) }
    }

    /// Sends `sent` bytes of payload and has `wanted` bytes answered. Returns how much longer the
    /// two bodies are.
    pub fn exchange(&mut self, sent: usize, wanted: usize) -> Bytes {
        let (tx, rx) = exchange(&mut self.answer, &mut self.request, sent, wanted);
        Bytes::new(tx, rx)
    }

    /// Ends the request, and waits for the end of the answer.
    pub fn finish(mut self) {
        self.request.finish().expect("the sidecar takes the end of a request");
        let rest = self.answer.read_to_end(&mut Vec::new()).expect("the answer ends in order");
        assert_eq!(rest, 0, "nobody asked for more");
    }
}
