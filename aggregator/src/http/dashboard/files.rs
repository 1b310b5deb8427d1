//! `Files`: files in the program as answers: compressed once, tagged by their contents.

use std::io::Write;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use xxhash_rust::xxh3::xxh3_128;

/// A path, and what is there.
type Embedded = (&'static str, &'static [u8]);

/// All files.
pub(super) struct Files(Vec<File>);

/// A file, in the two ways in which it is sent.
pub(super) struct File {
    path: &'static str,
    plain: Bytes,
    gzip: Option<Bytes>,
    /// A quoted tag (RFC 9110, section 8.8.3), the same in both ways: it is a weak one.
    tag: String,
}

impl Files {
    /// Compresses what gets smaller by it.
    pub fn new(embedded: &[Embedded]) -> Self {
        Self(embedded.iter().map(|(path, bytes)| File::new(path, bytes)).collect())
    }

    /// The file at a path.
    pub fn find(&self, path: &str) -> Option<&File> {
        self.0.iter().find(|file| file.path == path)
    }
}

impl File {
    fn new(path: &'static str, bytes: &'static [u8]) -> Self {
        let gzip = compress(bytes).filter(|gzip| gzip.len() < bytes.len()).map(Bytes::from);
        let tag = format!("W/\"{:032x}\"", xxh3_128(bytes));
        Self { path, plain: Bytes::from_static(bytes), gzip, tag }
    }

    /// The file, or that the client has it.
    pub fn respond(&self, headers: &HeaderMap, caching: &'static str) -> Response {
        let common = [
            (header::CACHE_CONTROL, HeaderValue::from_static(caching)),
            (header::VARY, HeaderValue::from_static("accept-encoding")),
            (header::ETAG, tag_value(&self.tag)),
        ];
        if knows(headers, &self.tag) {
            return (StatusCode::NOT_MODIFIED, common).into_response();
        }
        let kind: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, content_type(self.path))];
        match &self.gzip {
            Some(gzip) if takes_gzip(headers) => {
                let coding = [(header::CONTENT_ENCODING, "gzip")];
                (common, kind, coding, Body::from(gzip.clone())).into_response()
            }
            _ => (common, kind, Body::from(self.plain.clone())).into_response(),
        }
    }
}

fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

fn tag_value(tag: &str) -> HeaderValue {
    // Hexadecimal digits in quotes are always good for a header.
    HeaderValue::from_str(tag).unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("md") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// The words of a header that is a list, with their parameters.
fn words(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// Whether the client has the file with this tag (RFC 9110, section 13.1.2).
fn knows(headers: &HeaderMap, tag: &str) -> bool {
    let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    words(headers, header::IF_NONE_MATCH).any(|known| known == "*" || opaque(known) == opaque(tag))
}

/// Whether the client takes gzip (RFC 9110, section 12.5.3).
fn takes_gzip(headers: &HeaderMap) -> bool {
    words(headers, header::ACCEPT_ENCODING).any(|word| {
        let (coding, weight) = word.split_once(';').unwrap_or((word, ""));
        let weight = weight.trim().strip_prefix("q=").map(str::trim);
        let is_refused = weight.and_then(|weight| weight.parse::<f32>().ok()) == Some(0.0);
        coding.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}
