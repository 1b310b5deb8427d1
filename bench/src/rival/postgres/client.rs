//! As much of PostgreSQL's protocol 3.0 as an upsert needs ("Frontend/Backend Protocol" in its
//! documentation): trust, one prepared statement, parameters as text.

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use crate::failure::{Doing, Failure, Result};
use crate::latency::Latencies;

const VERSION: i32 = 196_608;

/// A session.
pub struct Client {
    stream: TcpStream,
    replies: BufReader<TcpStream>,
}

impl Client {
    /// Opens a session as `user`, in the database `postgres`.
    pub fn open(address: SocketAddr, user: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).doing("connecting to PostgreSQL")?;
        stream.set_nodelay(true).doing("setting up a connection")?;
        let replies = BufReader::new(stream.try_clone().doing("setting up a connection")?);
        let mut client = Self { stream, replies };
        let mut start = VERSION.to_be_bytes().to_vec();
        start.extend(format!("user\0{user}\0database\0postgres\0\0").into_bytes());
        let length = (start.len() as i32 + 4).to_be_bytes();
        client.send(&[&length[..], &start].concat())?;
        client.settle()?;
        Ok(client)
    }

    /// Runs a statement and gives the last row of its result.
    pub fn query(&mut self, sql: &str) -> Result<Vec<String>> {
        self.send(&message(b'Q', format!("{sql}\0").as_bytes()))?;
        self.settle()
    }

    /// Prepares the one statement that [`bind_and_execute`] is for.
    pub fn prepare(&mut self, sql: &str) -> Result<()> {
        let parse = message(b'P', format!("\0{sql}\0\0\0").as_bytes());
        self.send(&[parse, message(b'S', b"")].concat())?;
        self.settle().map(drop)
    }

    /// Executes the prepared statement with each of these parameters.
    pub fn execute_all(&mut self, requests: &[Vec<u8>]) -> Result<Latencies> {
        let mut latencies = Latencies::default();
        for request in requests {
            let begin = Instant::now();
            self.send(request)?;
            self.settle()?;
            latencies.push(begin.elapsed());
        }
        Ok(latencies)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).doing("writing to PostgreSQL")
    }

    /// Reads until the server is ready for the next query; gives the last row on the way.
    fn settle(&mut self) -> Result<Vec<String>> {
        let mut row = Vec::new();
        let mut error = None;
        loop {
            let (kind, body) = self.message()?;
            match kind {
                b'Z' => return error.map_or(Ok(row), |error| Err(Failure::new(error))),
                b'D' => row = columns(&body),
                // Before the session is open, nothing follows an error.
                b'E' => error = Some(String::from_utf8_lossy(&body).replace('\0', " ")),
                _ => {}
            }
        }
    }

    fn message(&mut self) -> Result<(u8, Vec<u8>)> {
        let (mut kind, mut length) = ([0], [0; 4]);
        self.replies.read_exact(&mut kind).doing("reading from PostgreSQL")?;
        self.replies.read_exact(&mut length).doing("reading from PostgreSQL")?;
        let length = u32::from_be_bytes(length).saturating_sub(4);
        let mut body = vec![0; length as usize];
        self.replies.read_exact(&mut body).doing("reading from PostgreSQL")?;
        Ok((u8::from_be_bytes(kind), body))
    }
}

/// The messages that execute the prepared statement with these parameters.
pub fn bind_and_execute(parameters: &[String]) -> Vec<u8> {
    // The unnamed portal, the unnamed statement, all parameters as text.
    let mut bind = vec![0, 0, 0, 0];
    bind.extend((parameters.len() as i16).to_be_bytes());
    for parameter in parameters {
        bind.extend((parameter.len() as i32).to_be_bytes());
        bind.extend(parameter.as_bytes());
    }
    bind.extend(0_i16.to_be_bytes());
    // The unnamed portal, all rows.
    let execute = message(b'E', &[0; 5]);
    [message(b'B', &bind), execute, message(b'S', b"")].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as i32 + 4).to_be_bytes();
    [&[kind][..], &length, body].concat()
}

/// The columns of a DataRow, as text; nothing for a NULL.
fn columns(body: &[u8]) -> Vec<String> {
    let mut columns = Vec::new();
    let mut rest = body.get(2..).unwrap_or_default();
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
        let (column, after) = after.split_at_checked(length).unwrap_or_default();
        columns.push(String::from_utf8_lossy(column).into_owned());
        rest = after;
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_split_into_columns() {
        let row = [&[0, 3][..], &[0, 0, 0, 2], b"12", &[255; 4], &[0, 0, 0, 1], b"3"].concat();
        assert_eq!(columns(&row), ["12", "", "3"]);
    }
}
