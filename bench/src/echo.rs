//! A server that sends back what it is sent, for what goes over TCP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Barrier;

use crate::failure::{Doing, Result};
use crate::latency::Latencies;

/// What goes over the line at once.
pub const CHUNK_BYTES: usize = 64;

/// Starts it; it ends with this process.
pub fn start() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").doing("listening")?;
    let address = listener.local_addr().doing("listening")?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || echo(stream));
        }
    });
    Ok(address)
}

fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; CHUNK_BYTES];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(buffer.get(..count).unwrap_or_default())?;
    }
}

/// Sends `chunks` chunks over one connection, each after the one before has come back.
pub fn ping(address: SocketAddr, chunks: u64, start: &Barrier) -> Result<Latencies> {
    let stream = TcpStream::connect(address).doing("connecting");
    start.wait();
    let mut stream = stream?;
    stream.set_nodelay(true).doing("connecting")?;
    let mut buffer = [7; CHUNK_BYTES];
    for _ in 0..chunks {
        stream.write_all(&buffer).doing("sending a chunk")?;
        stream.read_exact(&mut buffer).doing("reading a chunk")?;
    }
    Ok(Latencies::default())
}
