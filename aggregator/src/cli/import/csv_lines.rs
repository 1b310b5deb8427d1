//! `Lines`: gives a CSV reader one line for each record, and knows which it is.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use crate::limits::MAX_RECORD_BYTES;

/// Where the reading is.
#[derive(Default)]
pub(super) struct LinePosition {
    /// The line that was read last, from 1.
    line: Cell<u64>,
    /// Whether a record may begin.
    is_wanted: Cell<bool>,
}

impl LinePosition {
    /// Lets the next record begin.
    pub fn begin_record(&self) {
        self.is_wanted.set(true);
    }

    /// The line that was read last, from 1; 0 before the first.
    pub fn line(&self) -> u64 {
        self.line.get()
    }
}

/// Gives one line for each record. Names have no control characters, so no value has more lines
/// than one, and a quote that is never closed does not pull the whole input into memory.
pub(super) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    /// How much of the line was given.
    given: usize,
    position: Rc<LinePosition>,
}

impl<R: BufRead> Lines<R> {
    /// The lines of `reader`, counted in `position`.
    pub fn new(reader: R, position: Rc<LinePosition>) -> Self {
        Self { reader, line: Vec::new(), given: 0, position }
    }

    /// Reads the next line that is not blank; nothing is in it after the last.
    fn read_line(&mut self) -> io::Result<()> {
        self.given = 0;
        loop {
            self.line.clear();
            let mut bounded = (&mut self.reader).take(MAX_RECORD_BYTES as u64 + 1);
            let read = bounded.read_until(b'\n', &mut self.line)?;
            if read == 0 {
                return Ok(());
            }
            self.position.line.set(self.position.line.get() + 1);
            if read > MAX_RECORD_BYTES {
                let reason = format!("the line is longer than {MAX_RECORD_BYTES} bytes");
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            }
            if !self.line.trim_ascii().is_empty() {
                self.end_line();
                return Ok(());
            }
        }
    }

    /// Every line ends with LF, also the last, and one that ended with CRLF.
    fn end_line(&mut self) {
        self.line.pop_if(|byte| *byte == b'\n');
        self.line.pop_if(|byte| *byte == b'\r');
        self.line.push(b'\n');
    }
}

impl<R: BufRead> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.line.len() {
            if !self.position.is_wanted.replace(false) {
                let reason = "a value in quotes has no end in its line";
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            }
            self.read_line()?;
        }
        let mut rest = self.line.get(self.given..).unwrap_or_default();
        let read = rest.read(buffer)?;
        self.given += read;
        Ok(read)
    }
}
