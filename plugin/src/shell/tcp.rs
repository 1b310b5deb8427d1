//! `Tcp`: a connection, as Envoy's network filter sees it.

use proxy_wasm::traits::{Context, StreamContext};
use proxy_wasm::types::Action;

use super::stream::Stream;
use crate::observe::Moved;

/// A connection.
pub(super) struct Tcp(pub Stream);

impl Context for Tcp {}

impl StreamContext for Tcp {
    fn on_downstream_data(&mut self, data_size: usize, end_of_stream: bool) -> Action {
        self.0.deliver(data_size as u64, end_of_stream);
        Action::Continue
    }

    fn on_upstream_data(&mut self, data_size: usize, _end_of_stream: bool) -> Action {
        self.0.count(Moved::Rx(data_size as u64));
        Action::Continue
    }

    fn on_log(&mut self) {
        self.0.close();
    }
}
