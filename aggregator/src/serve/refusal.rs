//! What a client is told for whom there is no room: a 503, without HTTP being spoken otherwise.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::http::Problem;
use crate::limits::{REFUSAL_TIMEOUT, RETRY_AFTER};

/// Answers whatever the client asks, and closes.
pub(super) async fn refuse(mut stream: TcpStream) {
    let tell = async {
        stream.write_all(&answer()).await?;
        stream.shutdown().await?;
        // What the client sends is read: else the system would reset the connection, and with it
        // the answer that is on its way.
        let mut ignored = [0; 1024];
        while stream.read(&mut ignored).await? > 0 {}
        std::io::Result::Ok(())
    };
    // A client that has gone need not be told.
    let _ = timeout(REFUSAL_TIMEOUT, tell).await;
}

fn answer() -> Vec<u8> {
    let body = Problem::overcrowded().to_json();
    let mut answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
         content-length: {}\r\nretry-after: {}\r\nconnection: close\r\n\r\n",
        body.len(),
        RETRY_AFTER.as_secs(),
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    answer
}
