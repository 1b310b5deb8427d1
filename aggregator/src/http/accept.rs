//! Content negotiation: from an `Accept` header (RFC 9110, section 12.5.1) to a format.

use axum::http::{HeaderMap, StatusCode, header};

use super::problem::Problem;
use crate::query::Format;

impl Format {
    /// The media type, as it is asked for.
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv",
            #[cfg(feature = "arrow")]
            Self::Arrow => "application/vnd.apache.arrow.stream",
        }
    }

    /// The value of the header `content-type`.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            other => other.media_type(),
        }
    }
}

/// The format that the client likes best, by quality; then by how exactly it is named, by the
/// place where it is named, and by the order of what is offered.
///
/// # Errors
/// 406 when it likes none.
pub(super) fn choose(headers: &HeaderMap, offered: &[Format]) -> Result<Format, Problem> {
    let ranges = ranges(headers);
    if ranges.is_empty() {
        return offered.first().copied().ok_or_else(|| refused(offered));
    }
    let liked = offered.iter().filter_map(|format| {
        let range = most_exact(&ranges, format.media_type())?;
        (range.quality > 0).then_some((range.quality, range.exactness, range.earliness, *format))
    });
    // The first of equal ones: `max_by_key` alone would take the last.
    let best = liked.rev().max_by_key(|(quality, exact, early, _)| (*quality, *exact, *early));
    best.map(|(.., format)| format).ok_or_else(|| refused(offered))
}

/// One media range of the header.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    /// In thousandths.
    quality: u16,
    /// 0 for any, 1 for any of a kind, 2 for one.
    exactness: u8,
    earliness: std::cmp::Reverse<usize>,
}

fn ranges(headers: &HeaderMap) -> Vec<Range<'_>> {
    let values = headers.get_all(header::ACCEPT).iter();
    // What is not text names nothing that is offered.
    let items = values.flat_map(|value| value.to_str().unwrap_or("?").split(','));
    let items = items.map(str::trim).filter(|item| !item.is_empty());
    items.enumerate().map(|(position, item)| range(item, position)).collect()
}

fn range(item: &str, position: usize) -> Range<'_> {
    let mut parts = item.split(';').map(str::trim);
    let range = parts.next().and_then(|range| range.split_once('/'));
    // There is no such thing as any kind of one subtype.
    let range = range.filter(|(kind, subtype)| *kind != "*" || *subtype == "*");
    let (kind, subtype) = range.unwrap_or_default();
    let exactness = u8::from(kind != "*") + u8::from(subtype != "*");
    let weight = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.eq_ignore_ascii_case("q").then_some(value)
    });
    let quality = weight.map_or(1_000, |weight| {
        let weight = weight.parse::<f32>().unwrap_or_default();
        // A cast of a float to an integer stays within the integer's range.
        (weight.clamp(0.0, 1.0) * 1_000.0) as u16
    });
    Range { kind, subtype, quality, exactness, earliness: std::cmp::Reverse(position) }
}

fn most_exact<'r>(ranges: &'r [Range<'_>], media_type: &str) -> Option<&'r Range<'r>> {
    let (kind, subtype) = media_type.split_once('/')?;
    let is = |asked: &str, offered: &str| asked == "*" || asked.eq_ignore_ascii_case(offered);
    let fitting = ranges.iter().filter(|range| is(range.kind, kind) && is(range.subtype, subtype));
    fitting.max_by_key(|range| (range.exactness, range.earliness))
}

fn refused(offered: &[Format]) -> Problem {
    let offered: Vec<&str> = offered.iter().map(|format| format.media_type()).collect();
    let detail = format!("this can be had as {}", offered.join(", "));
    Problem::new(StatusCode::NOT_ACCEPTABLE, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERED: [Format; 3] = [Format::Json, Format::Ndjson, Format::Csv];

    fn chosen(accept: &[&str]) -> Option<Format> {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, value.parse().unwrap());
        }
        choose(&headers, &OFFERED).ok()
    }

    #[test]
    fn quality_comes_first_then_exactness_then_order() {
        for (accept, format) in [
            ("", Format::Json),
            ("*/*", Format::Json),
            ("application/*", Format::Json),
            ("text/*", Format::Csv),
            ("Text/CSV; header=present", Format::Csv),
            ("text/csv, application/json", Format::Csv),
            ("application/json, text/csv", Format::Json),
            ("text/csv;q=0.5, application/x-ndjson", Format::Ndjson),
            ("text/csv;q=0.5, */*;q=0.1", Format::Csv),
            ("*/*, text/csv", Format::Csv),
            ("application/json;q=0, */*", Format::Ndjson),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Json),
        ] {
            assert_eq!(chosen(&[accept]), Some(format), "{accept}");
        }
        assert_eq!(chosen(&[]), Some(Format::Json));
        assert_eq!(chosen(&["text/html", "text/csv"]), Some(Format::Csv));
    }

    #[test]
    fn what_is_not_liked_is_not_given() {
        for accept in [
            "text/html",
            "json",
            "application/json;q=0",
            "*/*;q=0",
            "*/json",
            "/",
            ";q=1",
            "text/csv;q=x",
        ] {
            assert_eq!(chosen(&[accept]), None, "{accept}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, axum::http::HeaderValue::from_bytes(b"\xff").unwrap());
        assert!(choose(&headers, &OFFERED).is_err());
    }
}
