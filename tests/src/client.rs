//! The app `frontend`: clients whose traffic is of known sizes, and who check what comes back.

mod http;
mod tcp;

pub use http::HttpClient;
pub use tcp::TcpConnection;
