//! The dashboard at `/`: files that are in the program, if they were there when it was built. They
//! are the same for everybody and hold no figures, so that they need no token; what they show
//! comes from the reads, which do.

mod files;
#[cfg(test)]
mod tests;

use std::sync::{Arc, LazyLock};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};

use self::files::Files;
use super::App;
use super::problem::Problem;

/// The page.
pub(super) const PAGE: &str = "/";

/// What the page names: files whose names change with their contents.
pub(super) const ASSETS: &str = "/assets/{file}";

/// The one asset whose name does not change with its contents.
const LICENCES: &str = "/assets/licences.md";

/// What the page may do: load its own scripts, styles and pictures, and ask this service. Nothing
/// inline, nothing from elsewhere, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What `/` says without a dashboard.
const ABSENT: &str = "This fas was built without its dashboard.\n\n\
     Build it into the program, in the repository:\n\n    \
     cargo xtask dashboard\n    cargo build --release\n\n\
     It needs Node.js (20.19 or later) for the build alone. The figures are there without it: \
     `fas top`, and the interface that /openapi.json describes.\n";

/// The files, with what is calculated once.
static FILES: LazyLock<Files> =
    LazyLock::new(|| Files::new(include!(concat!(env!("OUT_DIR"), "/dashboard.rs"))));

/// The paths, and what is done there. They are for people, and not part of the interface that
/// [`openapi`](super::openapi) describes.
pub(super) fn routes() -> [(&'static str, MethodRouter<Arc<App>>); 2] {
    [(PAGE, get(page)), (ASSETS, get(asset))]
}

async fn page(headers: HeaderMap) -> Response {
    respond_with_page(&FILES, &headers)
}

async fn asset(uri: Uri, headers: HeaderMap) -> Response {
    respond_with_asset(&FILES, uri.path(), &headers)
}

fn respond_with_page(files: &Files, headers: &HeaderMap) -> Response {
    match files.find("/index.html") {
        // It names the newest assets: it may be kept, but not used unasked.
        Some(file) => (guarded(), file.respond(headers, "no-cache")).into_response(),
        None => (StatusCode::NOT_FOUND, guarded(), ABSENT).into_response(),
    }
}

fn respond_with_asset(files: &Files, path: &str, headers: &HeaderMap) -> Response {
    match files.find(path) {
        Some(file) => {
            let is_fixed = path != LICENCES;
            let caching = if is_fixed { "public, max-age=31536000, immutable" } else { "no-cache" };
            (guarded(), file.respond(headers, caching)).into_response()
        }
        None => {
            let detail = "the dashboard has no such file";
            Problem::new(StatusCode::NOT_FOUND, detail).into_response()
        }
    }
}

/// What keeps browsers from doing more than they should.
fn guarded() -> [(HeaderName, HeaderValue); 4] {
    [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        ),
    ]
}
