//! HTTP/2 in the smallest pieces, for a client that can misbehave: frames by RFC 9113, headers by
//! the static table of RFC 7541.

use std::io::{Read, Write};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const SETTINGS: u8 = 4;
pub const GOAWAY: u8 = 7;

const ACK: u8 = 1;
const END_STREAM_AND_HEADERS: u8 = 5;
const INITIAL_WINDOW_SIZE: u16 = 4;

/// A frame without what does not matter here.
#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// A connection on which HTTP/2 is spoken.
pub struct Http2<S> {
    stream: S,
}

impl<S: Read + Write> Http2<S> {
    /// Greets; `window` is how much of an answer the client takes without being asked.
    pub fn greet(stream: S, window: u32) -> Self {
        let mut this = Self { stream };
        this.stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        let mut setting = INITIAL_WINDOW_SIZE.to_be_bytes().to_vec();
        setting.extend(window.to_be_bytes());
        this.send(SETTINGS, 0, 0, &setting);
        this
    }

    /// Asks for a path.
    pub fn get(&mut self, stream: u32, path: &str) {
        // :method GET, :scheme http, :path and :authority as literals.
        let mut block = vec![0x82, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
        block.extend(path.as_bytes());
        block.extend([0x01, 3]);
        block.extend(b"fas");
        self.send(HEADERS, END_STREAM_AND_HEADERS, stream, &block);
    }

    /// The next frame; nothing at the end of the connection. Settings are acknowledged.
    pub fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).ok()?;
        let frame = Frame { kind: head[3], flags: head[4], stream, payload };
        if frame.kind == SETTINGS && frame.flags & ACK == 0 {
            self.send(SETTINGS, ACK, 0, &[]);
        }
        Some(frame)
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.stream.write_all(&frame).unwrap();
    }
}
