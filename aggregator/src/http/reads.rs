//! What all reads have in common: their parameters and format, what the asker may see, a bounded
//! number of them at a time, and answers of any length.

pub(super) mod audit;
pub(super) mod completeness;
pub(super) mod flows;
pub(super) mod hints;
pub(super) mod hour;
pub(super) mod hours;
pub(super) mod instances;
pub(super) mod summary;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::App;
use super::accept::choose;
use super::params::Query;
use super::problem::Problem;
use crate::auth::Access;
use crate::limits::READ_WAIT;
use crate::query::{Document, Format, Pieces, render};
use crate::store::{ReadError, Selection};

/// The formats of answers with a bounded number of rows.
const DOCUMENT_FORMATS: [Format; 3] = [Format::Json, Format::Ndjson, Format::Csv];

/// A read, as it was asked for.
pub(super) struct ReadRequest {
    pub app: Arc<App>,
    pub query: Query,
    pub headers: HeaderMap,
    access: Access,
}

impl FromRequestParts<Arc<App>> for ReadRequest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let access = parts.extensions.get::<Access>().ok_or_else(|| {
            log::error!("{} is not guarded", parts.uri.path());
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the route is not guarded")
        })?;
        Ok(Self {
            app: Arc::clone(app),
            query: Query::parse(parts.uri.query().unwrap_or_default())?,
            headers: parts.headers.clone(),
            access: access.clone(),
        })
    }
}

impl ReadRequest {
    /// The format that was asked for.
    ///
    /// # Errors
    /// 406 when it is none of those that are offered.
    pub fn format(&self, offered: &[Format]) -> Result<Format, Problem> {
        choose(&self.headers, offered)
    }

    /// What may be seen of a selection: the one place where every read is restricted.
    pub fn visible(&self, mut selection: Selection) -> Selection {
        self.access.restrict(&mut selection.filter);
        selection
    }

    /// Whether the asker may know of instances, which are not of one VPC.
    pub fn may_see_instances(&self) -> bool {
        self.access.check_unlimited().is_ok()
    }

    /// Whether a selection of one hour is complete; nothing for several hours. To be asked before
    /// the flows are read.
    ///
    /// # Errors
    /// 503 when the store cannot be read.
    pub async fn is_complete(
        &self,
        selection: &Selection,
    ) -> Result<Option<Option<bool>>, Problem> {
        Ok(self.app.completeness.of_one_hour(&*self.app.store, selection).await?)
    }

    /// The header that leads to the next page (RFC 8288): the same query with another cursor.
    pub fn next_page(&self, path: &str, cursor: &str) -> [(HeaderName, HeaderValue); 1] {
        let link = format!("<{path}?{}>; rel=\"next\"", self.query.with("cursor", cursor));
        // Percent-encoded text is always good for a header.
        let link = HeaderValue::try_from(link);
        [(header::LINK, link.unwrap_or_else(|_| HeaderValue::from_static("")))]
    }

    /// Waits for a place among the reads. It is held until the answer has been taken.
    ///
    /// # Errors
    /// 503 when none becomes free in time.
    pub async fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let place = timeout(READ_WAIT, Arc::clone(&self.app.reads).acquire_owned()).await;
        place.ok().and_then(Result::ok).ok_or_else(|| {
            let detail = "too many reads are under way; try again";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        })
    }
}

/// An answer with a bounded number of rows.
///
/// # Errors
/// 503 when it cannot be written.
fn answer(document: &impl Document, format: Format) -> Result<Response, Problem> {
    let body = render(document, format)?;
    Ok((headers(format), body).into_response())
}

/// The headers of an answer.
pub(super) fn headers(format: Format) -> [(HeaderName, HeaderValue); 2] {
    let content_type = HeaderValue::from_static(format.content_type());
    [
        (header::CONTENT_TYPE, content_type),
        // What is stored on the way must not be given to who asks for another format.
        (header::VARY, HeaderValue::from_static("accept")),
    ]
}

/// A body of any length, made as fast as it is taken. When the store fails in between, the
/// connection breaks off, so that no answer looks complete that is not.
///
/// # Errors
/// 503 when the store fails at the start.
pub(super) async fn body(pieces: Pieces, place: OwnedSemaphorePermit) -> Result<Body, Problem> {
    let (first, pieces) = pieces.pull().await;
    let first = first.transpose()?;
    let (second, pieces) = match pieces {
        Some(pieces) => pieces.pull().await,
        None => (None, None),
    };
    let Some(second) = second else {
        // Most answers fit one piece, and then have a content-length.
        return Ok(Body::from(first.unwrap_or_default()));
    };
    let begin = first.map(Ok).into_iter().chain([second]);
    let rest = stream::unfold((pieces, place), |(pieces, place)| async move {
        let (piece, pieces) = pieces?.pull().await;
        if let Some(Err(error)) = &piece {
            log::warn!("an answer breaks off: {error}");
        }
        Some((piece?, (pieces, place)))
    });
    Ok(Body::from_stream(stream::StreamExt::chain(stream::iter(begin), rest)))
}

/// Does what takes long on a thread that may block.
///
/// # Errors
/// 503 when it fails.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| ReadError(error.to_string()))??)
}
