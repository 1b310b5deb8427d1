//! `Pages`: a long answer in pieces, each read whole before the next is asked for, so that one
//! that breaks off is asked for again, and memory is for one page.

use ureq::http::{HeaderMap, header};

use super::client::{Answer, Client};
use super::error::CliError;
use super::output::Format;
use super::query::Query;

/// What is read in pages.
pub(super) struct Listing<'a> {
    /// From whom.
    pub client: &'a Client,
    /// At which path.
    pub path: &'static str,
    /// Which rows.
    pub query: Query,
    /// In which form.
    pub format: Format,
    /// Whether the server gives it in pages; otherwise it comes at once.
    pub is_paged: bool,
}

/// The pages of a listing, in order.
pub(super) struct Pages<'a> {
    listing: Listing<'a>,
    page_rows: u64,
    /// Rows that are still wanted.
    wanted: u64,
    cursor: Option<String>,
    is_done: bool,
}

impl<'a> Pages<'a> {
    /// The first `limit` rows, at most `page_rows` a page.
    pub fn new(listing: Listing<'a>, page_rows: u64, limit: Option<u64>) -> Self {
        let wanted = limit.unwrap_or(u64::MAX);
        Self { listing, page_rows, wanted, cursor: None, is_done: false }
    }

    /// The next page's body; none after the last.
    pub fn next(&mut self) -> Result<Option<Vec<u8>>, CliError> {
        if self.is_done {
            return Ok(None);
        }
        let Listing { client, path, format, is_paged, .. } = &self.listing;
        let mut query = self.listing.query.clone();
        if *is_paged {
            query.push("limit", self.page_rows.min(self.wanted));
        }
        if let Some(cursor) = &self.cursor {
            query.push("cursor", cursor);
        }
        let answer = client.get(path, &query, format.media_type())?;
        let rows = rows(&answer, *format);
        self.wanted = self.wanted.saturating_sub(rows);
        let next = next_cursor(&answer.headers);
        // A cursor that leads nowhere would be followed for ever.
        self.is_done = self.wanted == 0 || next.is_none() || next == self.cursor;
        self.cursor = next;
        Ok(Some(answer.body))
    }
}

/// How many rows a page has. Names have no control characters, so a row is a line.
fn rows(answer: &Answer, format: Format) -> u64 {
    let lines = answer.body.iter().filter(|byte| **byte == b'\n').count() as u64;
    lines.saturating_sub(u64::from(format == Format::Csv))
}

/// The cursor in the link to the next page (RFC 8288). Only the cursor is taken: where the server
/// is, the user has said.
fn next_cursor(headers: &HeaderMap) -> Option<String> {
    let links = headers.get_all(header::LINK).iter().filter_map(|value| value.to_str().ok());
    links.flat_map(|value| value.split('<').skip(1)).find_map(|link| {
        let (target, parameters) = link.split_once('>')?;
        let is_next = parameters.contains("rel=\"next\"") || parameters.contains("rel=next");
        let (_, query) = target.split_once('?').filter(|_| is_next)?;
        let mut parameters = form_urlencoded::parse(query.as_bytes());
        parameters.find(|(name, _)| name == "cursor").map(|(_, cursor)| cursor.into_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(link: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::LINK, link.parse().unwrap());
        next_cursor(&headers)
    }

    #[test]
    fn the_cursor_is_taken_from_the_link_to_the_next_page() {
        let next = r#"</v1/flows?hour=1&cursor=a_b-%3D&limit=2>; rel="next""#;
        assert_eq!(cursor(next).as_deref(), Some("a_b-="));
        let both = format!(r#"</first?cursor=x>; rel="first", {next}"#);
        assert_eq!(cursor(&both).as_deref(), Some("a_b-="));
        for none in [r#"</x?cursor=1>; rel="prev""#, r#"</x>; rel="next""#, "nonsense", "<"] {
            assert_eq!(cursor(none), None, "{none}");
        }
    }
}
