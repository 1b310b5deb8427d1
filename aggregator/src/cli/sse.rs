//! `Events`: Server-Sent Events, from the bytes of a stream.
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html>; lines end with LF or CRLF.

use std::io::{self, BufRead, Read};

use crate::limits::MAX_EVENT_BYTES;

/// An event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// Its name.
    pub name: String,
    /// Its data, lines joined by LF.
    pub data: String,
}

/// The events of a stream.
pub(super) struct Events<R> {
    reader: R,
    line: Vec<u8>,
    last_id: Option<String>,
}

impl<R: BufRead> Events<R> {
    /// The events of a stream that goes on after the event `last_id`.
    pub fn new(reader: R, last_id: Option<String>) -> Self {
        Self { reader, line: Vec::new(), last_id }
    }

    /// The id of the last event that had one: where to go on from.
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// The next event; none when the stream has ended. One that broke off is no event.
    ///
    /// # Errors
    /// When the stream cannot be read, or an event is larger than [`MAX_EVENT_BYTES`].
    pub fn next(&mut self) -> io::Result<Option<Event>> {
        let mut event = Event::default();
        let (mut has_data, mut id) = (false, None);
        let mut left = MAX_EVENT_BYTES;
        loop {
            let line = match self.read_line(left)? {
                Some(line) => line,
                None => return Ok(None),
            };
            left = left.saturating_sub(line.len() + 1);
            if line.is_empty() {
                // An id counts when its event is whole, also if that has nothing to say.
                self.last_id = id.or(self.last_id.take());
                if has_data {
                    return Ok(Some(event));
                }
                event = Event::default();
                id = None;
                left = MAX_EVENT_BYTES;
                continue;
            }
            match field(&line) {
                ("event", value) => event.name = value.to_owned(),
                ("data", value) => {
                    if std::mem::replace(&mut has_data, true) {
                        event.data.push('\n');
                    }
                    event.data.push_str(value);
                }
                ("id", value) if !value.contains('\0') => id = Some(value.to_owned()),
                // Comments, and what a later version may add.
                _ => {}
            }
        }
    }

    /// The next line without its end.
    fn read_line(&mut self, left: usize) -> io::Result<Option<String>> {
        self.line.clear();
        let read = (&mut self.reader).take(left as u64 + 1).read_until(b'\n', &mut self.line)?;
        if self.line.pop_if(|byte| *byte == b'\n').is_none() {
            if read > left {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "an event is too large"));
            }
            return Ok(None);
        }
        self.line.pop_if(|byte| *byte == b'\r');
        Ok(Some(String::from_utf8_lossy(&self.line).into_owned()))
    }
}

/// A line's field and value: `name: value`.
fn field(line: &str) -> (&str, &str) {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    (name, value.strip_prefix(' ').unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn events_are_read_with_their_ids() {
        let stream = "event: hello\nid: 4\ndata: {}\n\n: keep-alive\n\nevent:flows\r\ndata: a\r\n\
                      data:b\r\n\r\ndata\nid: 5\nretry: 1\n\nid: 6\n\nid: 7\ndata: broken off\n";
        let mut events = Events::new(stream.as_bytes(), None);
        assert_eq!(events.next().unwrap(), Some(event("hello", "{}")));
        assert_eq!(events.last_id(), Some("4"));
        assert_eq!(events.next().unwrap(), Some(event("flows", "a\nb")));
        assert_eq!(events.last_id(), Some("4"), "an event without an id leaves it");
        assert_eq!(events.next().unwrap(), Some(event("", "")));
        assert_eq!(events.last_id(), Some("5"));
        assert_eq!(events.next().unwrap(), None);
        assert_eq!(events.last_id(), Some("6"));
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let endless = io::repeat(b'x');
        let mut events = Events::new(io::BufReader::new(endless), Some("3".to_owned()));
        assert_eq!(events.next().unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(events.last_id(), Some("3"));
    }
}
