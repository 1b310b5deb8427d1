//! The servers of the cases on Envoy: those behind the proxy, which the test plays itself, and
//! those that the guests call, which answer by themselves.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use flow_tests::ports::free_port;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::http2;
use super::wire::Wire;

/// What a server answers to a call.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    length: String,
    has_trailers: bool,
}

impl Answer {
    /// The headers, but for the status.
    pub fn headers(&self) -> Vec<(&str, &str)> {
        let framing = match (self.status, self.has_trailers) {
            (204, _) => None,
            (_, true) => Some(("transfer-encoding", "chunked")),
            (_, false) => Some(("content-length", self.length.as_str())),
        };
        framing.into_iter().chain([("x-answer", "yes")]).collect()
    }

    /// The trailers.
    pub fn trailers(&self) -> Vec<(&str, &str)> {
        if self.has_trailers { vec![("x-trailer", "last")] } else { Vec::new() }
    }

    fn write(&self, stream: &mut impl Write) -> std::io::Result<()> {
        write!(stream, "HTTP/1.1 {} OK\r\n", self.status)?;
        for (name, value) in self.headers() {
            write!(stream, "{name}: {value}\r\n")?;
        }
        write!(stream, "\r\n")?;
        if !self.has_trailers {
            return stream.write_all(&self.body);
        }
        write!(stream, "{:x}\r\n", self.body.len())?;
        stream.write_all(&self.body)?;
        write!(stream, "\r\n0\r\n")?;
        for (name, value) in self.trailers() {
            write!(stream, "{name}: {value}\r\n")?;
        }
        write!(stream, "\r\n")
    }
}

/// The answer to a call, on either host.
pub fn answer(method: &str, path: &str, body: &[u8]) -> Answer {
    let answer = |status, body: Vec<u8>| {
        let length = body.len().to_string();
        Answer { status, body, length, has_trailers: false }
    };
    match path {
        "/echo" => answer(200, body.to_vec()),
        "/method" => answer(200, method.as_bytes().to_vec()),
        "/empty" => answer(204, Vec::new()),
        "/trailers" => Answer { has_trailers: true, ..answer(200, b"with trailers".to_vec()) },
        _ => answer(404, b"no such thing".to_vec()),
    }
}

/// What a server does with a call.
#[derive(Clone, Copy)]
pub enum Manner {
    /// It answers.
    Answers,
    /// It says nothing.
    Hangs,
    /// It begins an answer, and closes the connection.
    Resets,
}

/// Starts a server for calls; gives its port. It runs until the end of the process.
pub fn start(manner: Manner) -> u16 {
    let port = free_port();
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port can be used");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A connection that breaks is for Envoy to notice.
            thread::spawn(move || serve(stream, manner));
        }
    });
    port
}

fn serve(mut stream: TcpStream, manner: Manner) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let (mut first, mut length) = (String::new(), 0);
        reader.read_line(&mut first)?;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let mut words = first.split(' ');
        let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        match manner {
            Manner::Answers => answer(method, path, &body).write(&mut stream)?,
            Manner::Hangs => {}
            Manner::Resets => {
                write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc")?;
                return Ok(());
            }
        }
    }
}

/// The server behind the proxy, over HTTP/1.1 or plain TCP: the test takes its connections and
/// plays its part.
pub struct Upstream {
    /// Where it listens.
    pub port: u16,
    connections: Receiver<TcpStream>,
}

impl Upstream {
    /// Starts to listen.
    pub fn start() -> Self {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port can be used");
        let (sender, connections) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if sender.send(stream).is_err() {
                    return;
                }
            }
        });
        Self { port, connections }
    }

    /// The next connection, if one comes in time.
    pub fn accept(&self, patience: Duration) -> Option<Wire> {
        self.connections.recv_timeout(patience).ok().map(Wire::new)
    }

    /// The connections that have come and were not taken.
    pub fn waiting(&self) -> Vec<Wire> {
        self.connections.try_iter().map(Wire::new).collect()
    }
}

/// The server behind the proxy, over HTTP/2: the same with its streams.
pub struct Http2Upstream {
    /// Where it listens.
    pub port: u16,
    streams: RefCell<UnboundedReceiver<http2::Stream>>,
}

impl Http2Upstream {
    /// Starts to listen.
    pub fn start() -> Self {
        let (sender, streams) = unbounded_channel();
        let port = http2::start(|listener| http2::listen(listener, sender));
        Self { port, streams: RefCell::new(streams) }
    }

    /// The next stream, if one comes in time.
    pub fn accept(&self, patience: Duration) -> Option<http2::Stream> {
        let mut streams = self.streams.borrow_mut();
        http2::RUNTIME
            .block_on(async { tokio::time::timeout(patience, streams.recv()).await.ok().flatten() })
    }

    /// A stream that has come and was not taken.
    pub fn waiting(&self) -> Option<http2::Stream> {
        self.streams.borrow_mut().try_recv().ok()
    }
}
