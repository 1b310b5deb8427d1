//! `Scanner`: reads messages that are written just as this crate writes them, several times as
//! fast as a parser of all of JSON can. It gives up on anything else: then the message goes to
//! the parser, which also knows what is wrong with it and where.

use crate::counters::Counters;
use crate::flow::{Flow, FlowKey, Hour};
use crate::limits::MAX_NAME_BYTES;
use crate::name::Name;

pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// Starts at the beginning of a message, which must be UTF-8.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        Some(Self { text: std::str::from_utf8(bytes).ok()?, at: 0 })
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Whether nothing is left.
    pub fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// Passes over white space.
    pub fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Passes over these bytes, if they come next.
    pub fn take(&mut self, expected: &str) -> bool {
        let rest = self.text.as_bytes().get(self.at..);
        let comes_next = rest.is_some_and(|rest| rest.starts_with(expected.as_bytes()));
        if comes_next {
            self.at += expected.len();
        }
        comes_next
    }

    /// Reads an integer.
    pub fn integer(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        let start = self.at;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
            self.at += 1;
        }
        // JSON has no leading zeros; fractions and exponents are for the parser to refuse.
        let length = self.at - start;
        let has_leading_zero = length > 1 && self.text.as_bytes().get(start) == Some(&b'0');
        let goes_on = matches!(self.peek(), Some(b'.' | b'e' | b'E'));
        (length > 0 && !has_leading_zero && !goes_on).then_some(value)
    }

    /// Reads a name of printable ASCII without escapes, in quotes.
    pub fn name(&mut self) -> Option<Name<'a>> {
        if !self.take("\"") {
            return None;
        }
        let rest = self.text.as_bytes().get(self.at..)?;
        let is_plain = |byte: &u8| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\');
        let length = rest.iter().position(|byte| !is_plain(byte))?;
        let name = self.text.get(self.at..self.at + length)?;
        self.at += length;
        let is_name = (1..=MAX_NAME_BYTES).contains(&length) && self.take("\"");
        is_name.then(|| Name::of_printable_ascii(name))
    }

    /// Reads a flow as an object, its fields in the order of documentation.
    pub fn flow(&mut self) -> Option<Flow<'a>> {
        let key = FlowKey {
            src_app: self.field("{", "\"src_app\"")?.name()?,
            dest_app: self.field(",", "\"dest_app\"")?.name()?,
            vpc_id: self.field(",", "\"vpc_id\"")?.name()?,
        };
        let bytes_tx = self.field(",", "\"bytes_tx\"")?.integer()?;
        let bytes_rx = self.field(",", "\"bytes_rx\"")?.integer()?;
        let hour = self.field(",", "\"hour\"")?.integer()?;
        self.space();
        let counters = Counters::new(bytes_tx, bytes_rx).ok()?;
        let hour = Hour::try_from(hour).ok()?;
        self.take("}").then_some(Flow { key, hour, counters })
    }

    /// Reads a flow as a row, without its hour.
    pub fn row(&mut self) -> Option<(FlowKey<'a>, Counters)> {
        let mut name = |before| if self.take(before) { self.name() } else { None };
        let key = FlowKey { src_app: name("[")?, dest_app: name(",")?, vpc_id: name(",")? };
        let mut integer = || if self.take(",") { self.integer() } else { None };
        let counters = Counters::new(integer()?, integer()?).ok()?;
        self.take("]").then_some((key, counters))
    }

    /// Goes to the value of an object's field.
    fn field(&mut self, before: &str, name: &str) -> Option<&mut Self> {
        self.space();
        if !self.take(before) {
            return None;
        }
        self.space();
        if !self.take(name) {
            return None;
        }
        self.space();
        if !self.take(":") {
            return None;
        }
        self.space();
        Some(self)
    }
}
