//! HTTP/2 of the test: connections to Envoy and from it, and streams on them, which the test drives
//! step by step while a thread moves their frames.

use std::sync::{Arc, LazyLock, Mutex};

use bytes::Bytes;
use flow_tests::ports::free_port;
use h2::client::SendRequest;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::UnboundedSender;

use super::transcript::Message;
use super::words::pairs;

/// The thread that moves the frames.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a thread can start")
});

/// A client's connection.
#[derive(Clone)]
pub struct Connection(SendRequest<Bytes>);

/// One end of a stream.
pub struct Stream {
    received: Arc<Mutex<Message>>,
    out: Option<SendStream<Bytes>>,
    respond: Option<SendResponse<Bytes>>,
}

impl Connection {
    /// Connects to a port.
    pub fn new(port: u16) -> Self {
        RUNTIME.block_on(async {
            let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("Envoy takes it");
            stream.set_nodelay(true).expect("a socket has options");
            let (requests, connection) =
                h2::client::handshake(stream).await.expect("Envoy speaks HTTP/2");
            tokio::spawn(connection);
            Self(requests)
        })
    }

    /// A request, and if it does not end here, the way to send its body.
    pub fn request(&self, (method, path): (&str, &str), headers: &str, ends: bool) -> Stream {
        let request = Request::builder().method(method).uri(format!("http://test{path}"));
        let mut request = request.body(()).expect("a request can be made");
        *request.headers_mut() = map(headers);
        let ready = RUNTIME.block_on(self.0.clone().ready());
        let sent = ready.expect("the connection is open").send_request(request, ends);
        let (response, out) = sent.expect("a request can be sent");
        let received = Arc::new(Mutex::new(Message::default()));
        let shared = Arc::clone(&received);
        RUNTIME.spawn(async move {
            // A reset shows in that nothing comes.
            if let Ok(response) = response.await {
                let (head, body) = response.into_parts();
                note_head(&shared, head.status.as_str().to_owned(), &head.headers);
                read(body, &shared).await;
            }
        });
        // Also what has been sent as a whole can be reset.
        Stream { received, out: Some(out), respond: None }
    }
}

impl Stream {
    /// What came so far.
    pub fn message(&self) -> Message {
        self.received.lock().expect("nobody panics").clone()
    }

    /// A response begins. A stream that is gone is not an error here.
    pub fn respond(&mut self, status: &str, headers: &str, ends: bool) {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_bytes(status.as_bytes()).expect("a status");
        *response.headers_mut() = map(headers);
        if let Some(respond) = &mut self.respond {
            self.out = respond.send_response(response, ends).ok();
        }
    }

    /// Sends data.
    pub fn data(&mut self, data: &[u8], ends: bool) {
        if let Some(out) = &mut self.out {
            let _ = out.send_data(Bytes::copy_from_slice(data), ends);
        }
    }

    /// Sends trailers, and with them the end.
    pub fn trailers(&mut self, trailers: &str) {
        if let Some(out) = &mut self.out {
            let _ = out.send_trailers(map(trailers));
        }
    }

    /// Resets the stream.
    pub fn reset(&mut self) {
        if let Some(out) = &mut self.out {
            out.send_reset(Reason::CANCEL);
        } else if let Some(respond) = &mut self.respond {
            respond.send_reset(Reason::CANCEL);
        }
    }
}

/// Starts a server, which runs until the end of the process; gives its port.
pub fn start<S: Future<Output = ()> + Send + 'static>(serve: impl FnOnce(TcpListener) -> S) -> u16 {
    let bound = RUNTIME.block_on(TcpListener::bind(("127.0.0.1", free_port())));
    let listener = bound.expect("a free port can be used");
    let port = listener.local_addr().expect("a listener has an address").port();
    RUNTIME.spawn(serve(listener));
    port
}

/// Takes the connections of a listener; gives the streams that begin on them.
pub async fn listen(listener: TcpListener, streams: UnboundedSender<Stream>) {
    while let Ok((stream, _)) = listener.accept().await {
        let streams = streams.clone();
        tokio::spawn(async move {
            let mut connection = h2::server::handshake(stream).await.ok()?;
            while let Some(Ok((request, respond))) = connection.accept().await {
                let received = Arc::new(Mutex::new(Message::default()));
                let (head, body) = request.into_parts();
                let path = head.uri.path_and_query().map_or("", |path| path.as_str());
                note_head(&received, format!("{} {path}", head.method), &head.headers);
                let shared = Arc::clone(&received);
                tokio::spawn(async move { read(body, &shared).await });
                streams.send(Stream { received, out: None, respond: Some(respond) }).ok()?;
            }
            Some(())
        });
    }
}

fn map(headers: &str) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs(headers) {
        let name: HeaderName = name.parse().expect("a name of a header");
        map.append(name, value.parse().expect("a value of a header"));
    }
    map
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect()
}

fn note_head(received: &Mutex<Message>, start: String, headers: &HeaderMap) {
    let mut received = received.lock().expect("nobody panics");
    received.start = Some(start);
    received.headers = texts(headers);
}

/// Reads what follows the headers; ends early if the stream is reset.
async fn read(mut body: RecvStream, received: &Mutex<Message>) -> Option<()> {
    while let Some(data) = body.data().await {
        let data = data.ok()?;
        let _ = body.flow_control().release_capacity(data.len());
        received.lock().expect("nobody panics").body.extend_from_slice(&data);
    }
    let trailers = body.trailers().await.ok()?;
    let mut received = received.lock().expect("nobody panics");
    received.trailers = trailers.iter().flat_map(texts).collect();
    received.complete = true;
    Some(())
}
