//! HTTP/1.1 bodies whose length is not known beforehand (RFC 9112, 7.1), a piece at a time, so
//! that a request and its answer can stay open while bytes move in both directions.

use std::io::{self, BufRead, Error, Read, Write};

/// Reads a body in chunks as a stream of bytes.
pub struct ChunkedReader<R> {
    inner: R,
    /// What is left of the chunk at hand.
    left: usize,
    is_over: bool,
}

/// Writes each piece that it is given as a chunk, at once.
pub struct ChunkedWriter<W>(W);

impl<R: BufRead> ChunkedReader<R> {
    /// A body that begins where `inner` stands.
    pub fn new(inner: R) -> Self {
        Self { inner, left: 0, is_over: false }
    }

    fn begin_chunk(&mut self) -> io::Result<()> {
        let size = self.read_line()?;
        self.left = usize::from_str_radix(&size, 16).map_err(Error::other)?;
        if self.left == 0 {
            self.is_over = true;
            self.read_line()?;
        }
        Ok(())
    }

    fn read_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.inner.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl<R: BufRead> Read for ChunkedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !self.is_over {
            self.begin_chunk()?;
        }
        if self.is_over || buffer.is_empty() {
            return Ok(0);
        }
        let size = self.left.min(buffer.len());
        let read = self.inner.read(&mut buffer[..size])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read;
        if self.left == 0 {
            self.read_line()?;
        }
        Ok(read)
    }
}

impl<W: Write> ChunkedWriter<W> {
    /// A body that begins where `inner` stands.
    pub fn new(inner: W) -> Self {
        Self(inner)
    }

    /// Ends the body.
    pub fn finish(&mut self) -> io::Result<()> {
        self.0.write_all(b"0\r\n\r\n")?;
        self.0.flush()
    }
}

impl<W: Write> Write for ChunkedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A chunk of no bytes would end the body.
        if !bytes.is_empty() {
            write!(self.0, "{:x}\r\n", bytes.len())?;
            self.0.write_all(bytes)?;
            self.0.write_all(b"\r\n")?;
            self.0.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
