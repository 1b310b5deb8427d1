//! Printing rows that are read in pages: as a table, or as the server sends them.

use super::error::CliError;
use super::output::{Format, Output, OutputOptions, Style};
use super::pages::{Listing, Pages};
use super::rows::TableRow;
use super::table::{Row, Table};
use crate::limits::{PAGE_ROWS, TABLE_PAGE_ROWS};

/// Prints the first `limit` rows of a listing, in a table under a heading.
pub(super) fn print<R: TableRow>(
    listing: Listing<'_>,
    limit: Option<u64>,
    options: &OutputOptions,
    heading: &str,
) -> Result<(), CliError> {
    let mut output = Output::new();
    if options.output == Format::Table {
        let pages = Pages::new(listing, TABLE_PAGE_ROWS, limit);
        table::<R>(pages, options, heading, &mut output)?;
    } else {
        let mut copy = Copy::new(options.output);
        let mut pages = Pages::new(listing, PAGE_ROWS, limit);
        while let Some(page) = pages.next()? {
            output.write(&copy.page(&page))?;
            output.flush()?;
        }
        output.write(copy.end())?;
    }
    output.flush()
}

fn table<R: TableRow>(
    mut pages: Pages<'_>,
    options: &OutputOptions,
    heading: &str,
    output: &mut Output,
) -> Result<(), CliError> {
    let mut table = Table::new(R::columns());
    // An error has no heading.
    let mut heading = Some(heading);
    while let Some(page) = pages.next()? {
        if let Some(heading) = heading.take() {
            output.line(Style::Bold, heading)?;
        }
        let rows = decode::<R>(&page)?;
        let rows: Vec<Row> =
            rows.iter().map(|row| Row::plain(row.cells(options.units()))).collect();
        table.print(&rows, output)?;
        output.flush()?;
    }
    if table.is_empty() {
        output.line(Style::Plain, "There is nothing.")?;
    }
    Ok(())
}

/// The rows of a page of NDJSON.
fn decode<R: TableRow>(page: &[u8]) -> Result<Vec<R>, CliError> {
    let rows = serde_json::Deserializer::from_slice(page).into_iter::<R>();
    rows.collect::<Result<_, _>>().map_err(|error| CliError::Unexpected(error.to_string()))
}

/// Makes one output of pages in the server's forms; the figures pass as they are.
pub(super) struct Copy {
    format: Format,
    is_started: bool,
}

impl Copy {
    /// For an output of this form.
    pub fn new(format: Format) -> Self {
        Self { format, is_started: false }
    }

    /// What the next page is in the output.
    pub fn page(&mut self, page: &[u8]) -> Vec<u8> {
        let is_first = !std::mem::replace(&mut self.is_started, true);
        match self.format {
            Format::Json => array_part(page, is_first),
            // The names of the columns stand there once.
            Format::Csv if !is_first => {
                let names = page.iter().position(|byte| *byte == b'\n');
                page.get(names.map_or(0, |end| end + 1)..).unwrap_or_default().to_vec()
            }
            Format::Csv | Format::Ndjson | Format::Table => page.to_vec(),
        }
    }

    /// What comes after the last page.
    pub fn end(&self) -> &'static [u8] {
        match (self.format, self.is_started) {
            (Format::Json, true) => b"\n]\n",
            (Format::Json, false) => b"[]\n",
            _ => b"",
        }
    }
}

/// Lines of JSON as elements of an array that has begun, unless this is its first part.
fn array_part(lines: &[u8], is_first: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(lines.len() + 16);
    let mut separator = if is_first { b'[' } else { b',' };
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        out.extend_from_slice(&[separator, b'\n']);
        out.extend_from_slice(line);
        separator = b',';
    }
    if is_first && out.is_empty() {
        out.push(b'[');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(format: Format, pages: &[&str]) -> String {
        let mut copy = Copy::new(format);
        let mut out: Vec<u8> = pages.iter().flat_map(|page| copy.page(page.as_bytes())).collect();
        out.extend_from_slice(copy.end());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn pages_become_one_output() {
        let pages = ["{\"a\":1}\n{\"a\":2}\n", "{\"a\":3}\n", ""];
        assert_eq!(copied(Format::Ndjson, &pages), "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
        assert_eq!(copied(Format::Json, &pages), "[\n{\"a\":1},\n{\"a\":2},\n{\"a\":3}\n]\n");
        assert_eq!(copied(Format::Csv, &["a\n1\n", "a\n2\n"]), "a\n1\n2\n");
    }

    #[test]
    fn nothing_is_an_empty_array() {
        for pages in [&[][..], &[""]] {
            let empty: Vec<u8> = serde_json::from_str(&copied(Format::Json, pages)).unwrap();
            assert!(empty.is_empty());
        }
    }
}
