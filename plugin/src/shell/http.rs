//! `Http`: a request, as Envoy's HTTP filter sees it. A body callback's size is that of the
//! chunk at hand, since this filter never holds one back.

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::stream::Stream;
use crate::observe::Moved;

/// A request.
pub(super) struct Http(pub Stream);

impl Context for Http {}

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, _num_headers: usize, _end_of_stream: bool) -> Action {
        self.0.headers();
        Action::Continue
    }

    fn on_http_request_body(&mut self, body_size: usize, _end_of_stream: bool) -> Action {
        self.0.count(Moved::Tx(body_size as u64));
        Action::Continue
    }

    fn on_http_response_body(&mut self, body_size: usize, _end_of_stream: bool) -> Action {
        self.0.count(Moved::Rx(body_size as u64));
        Action::Continue
    }

    fn on_log(&mut self) {
        self.0.close();
    }
}
