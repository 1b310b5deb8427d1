//! `Lines`: the lines of a log, each up to a length. A longer one is passed over and told.

use std::io::{self, BufRead, Read};

/// The lines of a log.
pub(super) struct Lines<R> {
    reader: R,
    max_bytes: usize,
    text: Vec<u8>,
}

/// A line of a log, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'l> {
    /// A whole one.
    Whole(&'l [u8]),
    /// The beginning of one that is longer than a line may be.
    TooLong(&'l [u8]),
}

impl<R: BufRead> Lines<R> {
    /// The lines of at most `max_bytes` each.
    pub fn new(reader: R, max_bytes: usize) -> Self {
        Self { reader, max_bytes, text: Vec::new() }
    }

    /// The next line, if there is one.
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        self.text.clear();
        let mut bounded = (&mut self.reader).take(self.max_bytes as u64 + 1);
        let read = bounded.read_until(b'\n', &mut self.text)?;
        if self.text.last() == Some(&b'\n') {
            self.text.pop();
        } else if read > self.max_bytes {
            self.reader.skip_until(b'\n')?;
            return Ok(Some(Line::TooLong(&self.text)));
        }
        Ok((read > 0).then_some(Line::Whole(&self.text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, max_bytes: usize) -> Vec<Result<String, String>> {
        let mut lines = Lines::new(text.as_bytes(), max_bytes);
        let mut found = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            found.push(match line {
                Line::Whole(text) => Ok(String::from_utf8(text.to_vec()).unwrap()),
                Line::TooLong(text) => Err(String::from_utf8(text.to_vec()).unwrap()),
            });
        }
        found
    }

    #[test]
    fn a_line_may_be_as_long_as_the_bound_and_not_a_byte_longer() {
        let fits = || Ok("abcd".to_owned());
        let too_long = || Err("abcde".to_owned());
        for end in ["", "\n"] {
            assert_eq!(lines(&format!("abcd{end}"), 4), [fits()]);
            assert_eq!(lines(&format!("abcde{end}"), 4), [too_long()]);
        }
        let text = "\nabcd\nabcdefghijk\n\nabcd";
        assert_eq!(
            lines(text, 4),
            [Ok(String::new()), fits(), too_long(), Ok(String::new()), fits()]
        );
        assert_eq!(lines("", 4), []);
    }
}
