//! Unpacking bodies that came compressed: beside the threads that serve connections, a few at a
//! time, and never to more than a body may be.

use std::io::{self, Read};

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};

use super::super::App;
use super::super::problem::Problem;
use super::too_large;
use crate::limits::{MAX_BODY_BYTES, MAX_ZSTD_WINDOW_LOG};

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Zstd,
}

impl Coding {
    /// What the header `content-encoding` says; none for a body as it is.
    ///
    /// # Errors
    /// 415 for codings that are not known, and for several.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let name = value.to_str().unwrap_or_default().trim();
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        match values.next() {
            None if is("identity") => Ok(None),
            None if is("gzip") || is("x-gzip") => Ok(Some(Self::Gzip)),
            None if is("zstd") => Ok(Some(Self::Zstd)),
            _ => {
                let detail = "the content-encoding must be one of gzip, zstd and identity";
                Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
            }
        }
    }
}

/// The body as it was before it was compressed.
///
/// # Errors
/// 400 when it is not of that coding, 413 when it would be too large, 503 when too many are being
/// unpacked.
pub(super) async fn unpack(app: &App, coding: Coding, packed: Bytes) -> Result<Bytes, Problem> {
    let busy = |_| {
        let detail = "too many bodies are being unpacked; try again";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    };
    let place = app.unpacking.clone().try_acquire_owned().map_err(busy)?;
    let unpacked = tokio::task::spawn_blocking(move || {
        let _place = place;
        read_all(coding, &packed)
    });
    match unpacked.await {
        Ok(Ok(Some(body))) => Ok(body.into()),
        Ok(Ok(None)) => Err(too_large()),
        Ok(Err(error)) => {
            let detail = format!("the body is not {}: {error}", coding.name());
            Err(Problem::new(StatusCode::BAD_REQUEST, detail))
        }
        Err(error) => {
            log::error!("unpacking a body failed: {error}");
            let detail = "the body could not be unpacked";
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail))
        }
    }
}

impl Coding {
    const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// The unpacked body; none if it is too large.
fn read_all(coding: Coding, packed: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    let most = MAX_BODY_BYTES as u64 + 1;
    let size = match coding {
        Coding::Gzip => {
            flate2::read::MultiGzDecoder::new(packed).take(most).read_to_end(&mut body)?
        }
        Coding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
            decoder.window_log_max(MAX_ZSTD_WINDOW_LOG)?;
            decoder.take(most).read_to_end(&mut body)?
        }
    };
    Ok((size <= MAX_BODY_BYTES).then_some(body))
}
