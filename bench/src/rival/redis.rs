//! Redis: two hashes an hour, one for each direction, and pipelined HINCRBY. It adds, and that is
//! all: a resend counts twice, and part of a request may be applied.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Barrier;
use std::time::Instant;

use super::{CONNECTIONS, Contender, RECORDS_PER_REQUEST, Sync};
use crate::failure::{Doing, Failure, Result};
use crate::latency::Latencies;
use crate::load::{Load, in_parallel, lanes};
use crate::ports::free_address;
use crate::process::Process;
use crate::record::Record;
use crate::scratch::Scratch;
use crate::tally::Tally;

/// HINCRBYs that a record takes.
const COMMANDS_PER_RECORD: usize = 2;

/// Whether there is a Redis.
pub fn is_installed() -> bool {
    Command::new("redis-server").arg("--version").output().is_ok()
}

/// Starts it on a free port, with an empty directory.
pub fn start(sync: Sync) -> Result<impl Contender> {
    let directory = Scratch::new("redis")?;
    let address = free_address()?;
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &address.port().to_string(), "--dir"]);
    command.arg(directory.path()).args(["--save", "", "--appendonly", "yes", "--appendfsync"]);
    command.arg(match sync {
        Sync::Always => "always",
        Sync::EverySecond => "everysec",
    });
    let mut process = Process::start("redis", &mut command, directory.path(), "KILL")?;
    process.wait_until_ready(|| TcpStream::connect(address).is_ok())?;
    Ok(Redis { sync, address, process, _directory: directory })
}

struct Redis {
    sync: Sync,
    address: SocketAddr,
    process: Process,
    _directory: Scratch,
}

impl Contender for Redis {
    fn name(&self) -> String {
        match self.sync {
            Sync::Always => "Redis, appendfsync always".to_owned(),
            Sync::EverySecond => "Redis, appendfsync everysec (may lose a second)".to_owned(),
        }
    }

    fn pid(&self) -> u32 {
        self.process.id()
    }

    fn add(&mut self, hour: u32, records: &[Record]) -> Result<Load> {
        let requests = records.chunks(RECORDS_PER_REQUEST).map(|part| pipeline(part, hour));
        let lanes = lanes(requests, CONNECTIONS);
        let clients = lanes.iter().map(|requests| {
            let address = self.address;
            move |start: &Barrier| {
                let client = Client::open(address);
                start.wait();
                client?.send_all(requests)
            }
        });
        in_parallel(clients.collect())
    }

    fn tally(&self, hour: u32) -> Result<Tally> {
        let mut client = Client::open(self.address)?;
        let tx = client.values(&format!("tx:{hour}"))?;
        let rx = client.values(&format!("rx:{hour}"))?;
        Ok(Tally::of_sums(tx.len() as u64, tx.into_iter().sum(), rx.into_iter().sum()))
    }
}

/// A request's records, and how many there are.
struct Pipeline {
    commands: Vec<u8>,
    replies: usize,
}

fn pipeline(records: &[Record], hour: u32) -> Pipeline {
    let mut commands = Vec::new();
    for record in records {
        let (src, dest, vpc) = (record.key.src_app(), record.key.dest_app(), record.key.vpc_id());
        let field = format!("{src}\x1f{dest}\x1f{vpc}");
        for (hash, bytes) in [("tx", record.bytes_tx), ("rx", record.bytes_rx)] {
            let words = ["HINCRBY", &format!("{hash}:{hour}"), &field, &bytes.to_string()];
            commands.extend(command(&words));
        }
    }
    Pipeline { commands, replies: COMMANDS_PER_RECORD * records.len() }
}

/// A command as the protocol RESP2 has it.
fn command(words: &[&str]) -> Vec<u8> {
    let mut text = format!("*{}\r\n", words.len());
    for word in words {
        text.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    text.into_bytes()
}

struct Client {
    stream: TcpStream,
    replies: BufReader<TcpStream>,
}

impl Client {
    fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).doing("connecting to Redis")?;
        stream.set_nodelay(true).doing("setting up a connection")?;
        let replies = BufReader::new(stream.try_clone().doing("setting up a connection")?);
        Ok(Self { stream, replies })
    }

    fn send_all(&mut self, requests: &[Pipeline]) -> Result<Latencies> {
        let mut latencies = Latencies::default();
        for request in requests {
            let begin = Instant::now();
            self.stream.write_all(&request.commands).doing("writing to Redis")?;
            for _ in 0..request.replies {
                self.line(b':')?;
            }
            latencies.push(begin.elapsed());
        }
        Ok(latencies)
    }

    /// The values of a hash.
    fn values(&mut self, hash: &str) -> Result<Vec<u128>> {
        self.stream.write_all(&command(&["HVALS", hash])).doing("writing to Redis")?;
        let count: usize = self.line(b'*')?.parse().doing("reading a count")?;
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            self.line(b'$')?;
            let value = self.text()?;
            values.push(value.parse().doing("reading a value")?);
        }
        Ok(values)
    }

    /// The rest of the next line, which begins with `kind`.
    fn line(&mut self, kind: u8) -> Result<String> {
        let line = self.text()?;
        match line.as_bytes().first() {
            Some(first) if *first == kind => Ok(line.get(1..).unwrap_or_default().to_owned()),
            _ => Err(Failure::new(format!("Redis answers {line:?}"))),
        }
    }

    fn text(&mut self) -> Result<String> {
        let mut line = String::new();
        self.replies.read_line(&mut line).doing("reading from Redis")?;
        line.truncate(line.trim_end().len());
        Ok(line)
    }
}
