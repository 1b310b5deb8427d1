//! An HTTP/1.1 server for the few requests that the tests send.
//!
//! - `GET /bytes/N` answers N bytes of the payload pattern, with a Content-Length.
//! - `GET /chunked/N` answers the same in chunks.
//! - `GET /headers/N` answers no bytes, with N headers more.
//! - `POST /echo` answers the request's body.
//! - `POST /sink` takes the body, and answers nothing.
//! - `POST /exchange` takes requests of the TCP app's protocol in its body, and answers each in its
//!   own body while both stay open.
//! - An upgrade, whatever to, makes the connection one of the TCP app's.

use std::io::{self, BufRead, BufReader, BufWriter, Error, Read, Write};
use std::net::TcpStream;

use super::{Server, tcp};
use crate::chunked::{ChunkedReader, ChunkedWriter};
use crate::payload::payload;

/// Answers are cut into chunks of this size, so that most are of several.
const CHUNK_BYTES: usize = 1000;

/// The server; it stops when dropped.
pub struct HttpApp(#[expect(dead_code, reason = "held for its drop")] Server);

impl HttpApp {
    /// Starts to serve on `port`.
    pub fn start(port: u16) -> Self {
        Self(Server::start(port, serve))
    }
}

/// What comes before a request's body.
struct Head {
    method: String,
    path: String,
    length: usize,
    is_chunked: bool,
    is_upgrade: bool,
}

fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = BufWriter::new(stream);
    while let Some(head) = read_head(&mut reader)? {
        if head.is_upgrade {
            write!(writer, "HTTP/1.1 101 Switching Protocols\r\n")?;
            write!(writer, "connection: upgrade\r\nupgrade: websocket\r\n\r\n")?;
            writer.flush()?;
            return tcp::answer(&mut reader, writer.get_mut());
        }
        if head.path == "/exchange" {
            exchange(&mut reader, &mut writer)?;
        } else {
            let body = read_body(&head, &mut reader)?;
            answer(&head, &body, &mut writer)?;
        }
        writer.flush()?;
    }
    Ok(())
}

fn exchange(reader: &mut impl BufRead, writer: &mut impl Write) -> io::Result<()> {
    write!(writer, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
    writer.flush()?;
    let mut body = ChunkedWriter::new(writer);
    tcp::answer(&mut ChunkedReader::new(reader), &mut body)?;
    body.finish()
}

/// The head of the next request on the connection, or none if the peer has closed it.
fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
    let Some(first) = read_line(reader)? else { return Ok(None) };
    let mut words = first.split(' ');
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(Error::other(format!("not a request: {first}")));
    };
    let mut length = 0;
    let mut is_chunked = false;
    let mut is_upgrade = false;
    while let Some(line) = read_line(reader)?.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().map_err(Error::other)?,
            "upgrade" => is_upgrade = true,
            "transfer-encoding" => is_chunked = value.trim().eq_ignore_ascii_case("chunked"),
            _ => {}
        }
    }
    let (method, path) = (method.to_owned(), path.to_owned());
    Ok(Some(Head { method, path, length, is_chunked, is_upgrade }))
}

fn read_body(head: &Head, reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = vec![0; head.length];
    match head.is_chunked {
        true => drop(ChunkedReader::new(reader).read_to_end(&mut body)?),
        false => reader.read_exact(&mut body)?,
    }
    Ok(body)
}

fn read_line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    let is_end = reader.read_line(&mut line)? == 0;
    Ok((!is_end).then(|| line.trim_end().to_owned()))
}

fn answer(head: &Head, body: &[u8], writer: &mut impl Write) -> io::Result<()> {
    let size = || head.path.rsplit('/').next().and_then(|size| size.parse().ok());
    let kind = head.path.split('/').nth(1).unwrap_or_default();
    match (head.method.as_str(), kind, size()) {
        ("GET", "bytes", Some(size)) => answer_whole("200 OK", &payload(size), writer),
        ("GET", "chunked", Some(size)) => answer_chunked(&payload(size), writer),
        ("GET", "headers", Some(count)) => answer_headers(count, writer),
        ("POST", "echo", _) => answer_whole("200 OK", body, writer),
        ("POST", "sink", _) => answer_whole("200 OK", b"", writer),
        _ => answer_whole("404 Not Found", b"no such thing\n", writer),
    }
}

fn answer_whole(status: &str, body: &[u8], writer: &mut impl Write) -> io::Result<()> {
    write!(writer, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len())?;
    writer.write_all(body)
}

fn answer_headers(count: usize, writer: &mut impl Write) -> io::Result<()> {
    write!(writer, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n")?;
    (0..count).try_for_each(|number| write!(writer, "x-header-{number}: 1\r\n"))?;
    write!(writer, "\r\n")
}

fn answer_chunked(body: &[u8], writer: &mut impl Write) -> io::Result<()> {
    write!(writer, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
    for chunk in body.chunks(CHUNK_BYTES) {
        write!(writer, "{:x}\r\n", chunk.len())?;
        writer.write_all(chunk)?;
        writer.write_all(b"\r\n")?;
        writer.flush()?;
    }
    writer.write_all(b"0\r\n\r\n")
}
