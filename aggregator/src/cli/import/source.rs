//! `Source`: where an import is read from: a file or standard input.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::rc::Rc;

use super::csv_records::CsvRecords;
use super::format::InputFormat;
use super::json_array::JsonArray;
use super::ndjson::Ndjson;
use super::record::Records;
use crate::cli::error::CliError;

/// How much of an input is looked at to tell its format, in bytes.
const HEAD_BYTES: u64 = 4_096;

/// The mark that some programs put at the start of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// An input.
pub(super) struct Source {
    /// What it is called.
    pub name: String,
    /// Its size in bytes, if that is known.
    pub size: Option<u64>,
    reader: Counted,
}

/// How many bytes of an input have been read.
pub(super) type Count = Rc<Cell<u64>>;

/// Counts what is read.
struct Counted {
    reader: Box<dyn Read>,
    count: Count,
}

impl Source {
    /// A file, or standard input for `-`.
    pub fn open(name: &str) -> Result<Self, CliError> {
        if name == "-" {
            let reader = Counted { reader: Box::new(io::stdin().lock()), count: Rc::default() };
            return Ok(Self { name: "standard input".to_owned(), size: None, reader });
        }
        let unreadable = |error| CliError::Input(format!("{name}: cannot be read: {error}"));
        let file = File::open(name).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        // A pipe or a device says nothing about what will come.
        let size = metadata.is_file().then_some(metadata.len());
        let reader = Counted { reader: Box::new(file), count: Rc::default() };
        Ok(Self { name: name.to_owned(), size, reader })
    }

    /// How many bytes have been read, as they are.
    pub fn count(&self) -> Count {
        Rc::clone(&self.reader.count)
    }

    /// The flows in it.
    pub fn records(mut self, format: Option<InputFormat>) -> io::Result<Box<dyn Records>> {
        let mut head = Vec::new();
        (&mut self.reader).take(HEAD_BYTES).read_to_end(&mut head)?;
        if head.starts_with(BYTE_ORDER_MARK) {
            head.drain(..BYTE_ORDER_MARK.len());
        }
        let format = format.unwrap_or_else(|| InputFormat::guess(&self.name, &head));
        let reader = BufReader::new(Cursor::new(head).chain(self.reader));
        Ok(match format {
            InputFormat::Json => Box::new(JsonArray::new(reader)),
            InputFormat::Ndjson => Box::new(Ndjson::new(reader)),
            InputFormat::Csv => Box::new(CsvRecords::new(reader)),
        })
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}
