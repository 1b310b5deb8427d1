//! The app `frontend`: clients whose traffic is of known sizes, and who check what comes back.

mod http;
mod http2;
mod http_stream;
mod tcp;

use std::net::TcpStream;
use std::time::Duration;

use ureq::Agent;

pub use http::HttpClient;
pub use http_stream::HttpStream;
pub use http2::Http2Stream;
pub use tcp::TcpConnection;

/// A client of servers on this machine, which a proxy in the environment is not for. Every
/// status is an answer.
pub fn agent(timeout: Duration) -> Agent {
    let config = Agent::config_builder().http_status_as_error(false).proxy(None);
    config.timeout_global(Some(timeout)).build().into()
}

/// A connection to the listener on `port`, whose answers do not take for ever.
fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port))
        .unwrap_or_else(|error| panic!("the sidecar takes no connection: {error}"));
    stream.set_nodelay(true).expect("a socket has options");
    let limit = Some(Duration::from_secs(30));
    stream.set_read_timeout(limit).expect("a socket has time limits");
    stream
}
