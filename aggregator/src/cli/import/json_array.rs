//! Flows as a JSON array of any length: it is split into its elements while it is read, and each
//! is then read as JSON by itself.

use std::io::BufRead;

use super::fault::{Fault, Wrong};
use super::record::{JsonRecord, Place, Records};
use crate::limits::MAX_RECORD_BYTES;

/// The flows of a JSON array.
pub(super) struct JsonArray<R> {
    reader: R,
    element: Vec<u8>,
    record: JsonRecord,
    /// Records that were read.
    index: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the array.
    Start,
    /// Between elements.
    Elements,
    /// After the array.
    End,
}

impl<R: BufRead> JsonArray<R> {
    /// Reads from `reader`.
    pub fn new(reader: R) -> Self {
        let (element, record) = (Vec::new(), JsonRecord::default());
        Self { reader, element, record, index: 0, state: State::Start }
    }

    fn wrong(&self, reason: &str) -> Fault {
        Wrong::record(reason).at(self.index, None)
    }

    fn next_byte(&mut self) -> Result<Option<u8>, Fault> {
        let buffer = self.reader.fill_buf();
        let buffer = buffer.map_err(|error| Fault::unreadable(self.index, &error))?;
        let byte = buffer.first().copied();
        self.reader.consume(usize::from(byte.is_some()));
        Ok(byte)
    }

    fn next_visible(&mut self) -> Result<Option<u8>, Fault> {
        loop {
            let byte = self.next_byte()?;
            if !byte.is_some_and(|byte| byte.is_ascii_whitespace()) {
                return Ok(byte);
            }
        }
    }

    /// Reads the bytes of the next element; whether there is one.
    fn read_element(&mut self) -> Result<bool, Fault> {
        self.element.clear();
        if self.state == State::Start {
            if self.next_visible()? != Some(b'[') {
                return Err(self.wrong("this is not a JSON array"));
            }
            self.state = State::Elements;
        }
        let mut nesting = Nesting::default();
        while self.state == State::Elements {
            let byte = self.next_byte()?.ok_or_else(|| self.wrong("the array has no end"))?;
            match nesting.take(byte) {
                Part::Inside => self.element.push(byte),
                Part::Comma => return self.named(),
                Part::Bracket => {
                    self.state = State::End;
                    // `[]` has no elements; in `[x,]` one is missing.
                    let is_empty = self.index == 0 && self.element.trim_ascii().is_empty();
                    return if is_empty { self.end() } else { self.named() };
                }
            }
            if self.element.len() > MAX_RECORD_BYTES {
                let reason = format!("it is longer than {MAX_RECORD_BYTES} bytes");
                return Err(self.wrong(&reason));
            }
        }
        self.end()
    }

    /// An element has ended: there must be something in it.
    fn named(&self) -> Result<bool, Fault> {
        if self.element.trim_ascii().is_empty() {
            return Err(self.wrong("there is nothing where a flow should be"));
        }
        Ok(true)
    }

    fn end(&mut self) -> Result<bool, Fault> {
        match self.next_visible()? {
            None => Ok(false),
            Some(_) => Err(self.wrong("something follows the array")),
        }
    }
}

impl<R: BufRead> Records for JsonArray<R> {
    fn append_next(&mut self, out: &mut Vec<u8>) -> Result<Option<Place>, Fault> {
        if !self.read_element()? {
            return Ok(None);
        }
        self.record.append(&self.element, out).map_err(|wrong| wrong.at(self.index, None))?;
        self.index += 1;
        Ok(Some(Place::default()))
    }
}

/// What a byte is to the array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// A part of an element.
    Inside,
    /// The end of an element.
    Comma,
    /// The end of the array.
    Bracket,
}

/// Tells the commas and brackets of the array from those in its elements.
#[derive(Default)]
struct Nesting {
    depth: usize,
    in_string: bool,
    is_escaped: bool,
}

impl Nesting {
    fn take(&mut self, byte: u8) -> Part {
        if self.in_string {
            self.in_string = byte != b'"' || self.is_escaped;
            self.is_escaped = byte == b'\\' && !self.is_escaped;
            return Part::Inside;
        }
        match byte {
            b',' if self.depth == 0 => return Part::Comma,
            b']' if self.depth == 0 => return Part::Bracket,
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        Part::Inside
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn flow(src_app: &str) -> String {
        format!(
            r#"{{"src_app":"{src_app}","dest_app":"b","vpc_id":"v","bytes_tx":1,"bytes_rx":2,"hour":3}}"#
        )
    }

    /// Reads through a buffer of a few bytes, so that every place is the end of one.
    fn read(text: &str) -> Result<Vec<String>, Fault> {
        let mut records = JsonArray::new(BufReader::with_capacity(3, text.as_bytes()));
        let mut out = Vec::new();
        while records.append_next(&mut out)?.is_some() {}
        Ok(String::from_utf8(out).unwrap().lines().map(str::to_owned).collect())
    }

    #[test]
    fn elements_are_split_whatever_their_names_are_made_of() {
        let flows = [r#"a,]}"#, r#"\"],{["#, r#"\\"#, "ü日"].map(flow);
        let text = format!(" [\n{} , {},{},\t{}\n] \n", flows[0], flows[1], flows[2], flows[3]);
        assert_eq!(read(&text).unwrap(), flows);
        assert_eq!(read("[ ]").unwrap(), [] as [String; 0]);
    }

    #[test]
    fn a_broken_array_is_refused_where_it_breaks() {
        let good = flow("a");
        for (text, index, word) in [
            (String::new(), 0, "not a JSON array"),
            ("{}".to_owned(), 0, "not a JSON array"),
            ("[".to_owned(), 0, "no end"),
            (format!("[{good}"), 0, "no end"),
            (format!("[{good},"), 1, "no end"),
            (format!("[{good},]"), 1, "nothing where"),
            (format!("[,{good}]"), 0, "nothing where"),
            (format!("[{good},{{}}]"), 1, "missing"),
            (format!("[{good} {good}]"), 0, "malformed"),
            (format!("[{good}] x"), 1, "follows"),
            (format!("[{good},\"{}", "x".repeat(MAX_RECORD_BYTES)), 1, "longer"),
        ] {
            let fault = read(&text).unwrap_err();
            assert_eq!(fault.index, Some(index), "{text}: {fault:?}");
            assert!(fault.wrong.reason.contains(word), "{text}: {fault:?}");
        }
    }
}
