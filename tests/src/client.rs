//! The app `frontend`: clients whose traffic is of known sizes, and who check what comes back.

mod http;
mod tcp;

use std::time::Duration;

use ureq::Agent;

pub use http::HttpClient;
pub use tcp::TcpConnection;

/// A client of servers on this machine, which a proxy in the environment is not for. Every
/// status is an answer.
pub fn agent(timeout: Duration) -> Agent {
    let config = Agent::config_builder().http_status_as_error(false).proxy(None);
    config.timeout_global(Some(timeout)).build().into()
}
