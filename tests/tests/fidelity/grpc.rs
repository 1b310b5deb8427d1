//! The server for gRPC of the guests: what it replies on either host, and on Envoy the server that
//! says it over HTTP/2.

use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use host_sim::{GrpcEvent, GrpcReply, GrpcRequest};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use tokio::net::TcpListener;

/// What each message of gRPC begins with: whether it is compressed, and its size.
const PREFIX_BYTES: usize = 5;

/// What the server replies. The method says which of its manners is asked for.
pub fn replies(request: &GrpcRequest, event: &GrpcEvent) -> Vec<GrpcReply> {
    let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let first = || GrpcReply::InitialMetadata(vec![pair("x-first", "1")]);
    let last = || GrpcReply::TrailingMetadata(vec![pair("x-last", "2")]);
    let echo = |message: &[u8]| GrpcReply::Message([b"re:", message].concat());
    match (request.method.as_str(), event) {
        // A message for each, and the end after the guest's.
        ("Echo", GrpcEvent::Start) => vec![first()],
        ("Echo", GrpcEvent::Message(message)) => vec![echo(message)],
        ("Echo", GrpcEvent::HalfClose) => vec![last(), GrpcReply::ok()],
        // Metadata of the request, as a message.
        ("Metadata", GrpcEvent::HalfClose) => {
            let is_own = |name: &[u8]| name.starts_with(b"x-") && !name.starts_with(b"x-envoy");
            let own = request.metadata.iter().filter(|(name, _)| is_own(name));
            let shown = own
                .flat_map(|(name, value)| [name.as_slice(), b"=", value.as_slice(), b";"].concat());
            vec![first(), GrpcReply::Message(shown.collect()), GrpcReply::ok()]
        }
        ("Empty", GrpcEvent::HalfClose) => vec![GrpcReply::Message(Vec::new()), GrpcReply::ok()],
        // Several messages for one.
        ("Many", GrpcEvent::Message(message)) => vec![echo(message), echo(b"more")],
        ("Many", GrpcEvent::HalfClose) => vec![GrpcReply::ok()],
        // Ends that are no success: at once, after metadata, after a message.
        ("Refuse", GrpcEvent::Start) => vec![GrpcReply::close(5, "not here")],
        ("Fail", GrpcEvent::HalfClose) => vec![first(), last(), GrpcReply::close(13, "on purpose")],
        ("FailPlain", GrpcEvent::HalfClose) => vec![GrpcReply::close(13, "plainly")],
        ("FailLate", GrpcEvent::Message(message)) => {
            vec![first(), echo(message), GrpcReply::close(8, "enough")]
        }
        ("Nothing", GrpcEvent::HalfClose) => vec![first(), GrpcReply::ok()],
        // The end while the guest still sends.
        ("EndFirst", GrpcEvent::Message(message)) => vec![first(), echo(message), GrpcReply::ok()],
        _ => Vec::new(),
    }
}

/// Answers what comes to this listener.
pub async fn listen(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut connection = h2::server::handshake(stream).await.ok()?;
            while let Some(Ok((request, respond))) = connection.accept().await {
                let (head, body) = request.into_parts();
                let mut path = head.uri.path().split('/').skip(1).map(str::to_owned);
                let (service, method) = (path.next()?, path.next()?);
                let metadata = head.headers.iter().map(|(name, value)| {
                    (name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec())
                });
                let request = GrpcRequest::new(service, method, metadata.collect());
                let trailers = HeaderMap::new();
                let speaker = Speaker { respond, out: None, trailers, ended: false };
                tokio::spawn(speaker.converse(request, body));
            }
            Some(())
        });
    }
}

/// The server's side of one stream.
struct Speaker {
    respond: SendResponse<Bytes>,
    out: Option<SendStream<Bytes>>,
    trailers: HeaderMap,
    ended: bool,
}

impl Speaker {
    async fn converse(mut self, request: GrpcRequest, mut body: RecvStream) -> Option<()> {
        self.hear(&request, &GrpcEvent::Start)?;
        let mut read = BytesMut::new();
        while let Some(data) = body.data().await {
            let data = data.ok()?;
            body.flow_control().release_capacity(data.len()).ok()?;
            read.extend_from_slice(&data);
            while let Some(message) = take_message(&mut read) {
                self.hear(&request, &GrpcEvent::Message(message))?;
            }
        }
        self.hear(&request, &GrpcEvent::HalfClose)?;
        // Who has not said the end by now never does; to go would be to reset the stream.
        if self.ended { Some(()) } else { std::future::pending().await }
    }

    fn hear(&mut self, request: &GrpcRequest, event: &GrpcEvent) -> Option<()> {
        replies(request, event).into_iter().try_for_each(|reply| self.say(reply))
    }

    /// Says a reply; none if nobody listens any more.
    fn say(&mut self, reply: GrpcReply) -> Option<()> {
        match reply {
            GrpcReply::InitialMetadata(pairs) => self.begin(&pairs, false),
            GrpcReply::Message(message) => {
                if self.out.is_none() {
                    self.begin(&[], false)?;
                }
                let size = u32::try_from(message.len()).expect("messages are short");
                let frame = [&[0], size.to_be_bytes().as_slice(), &message].concat();
                self.out.as_mut()?.send_data(frame.into(), false).ok()
            }
            GrpcReply::TrailingMetadata(pairs) => {
                self.trailers = map(&pairs);
                Some(())
            }
            GrpcReply::Close { status, message } => self.end(status, &message),
        }
    }

    fn begin(&mut self, pairs: &[(Vec<u8>, Vec<u8>)], ends: bool) -> Option<()> {
        let mut response = Response::new(());
        *response.headers_mut() = map(pairs);
        let kind = HeaderValue::from_static("application/grpc");
        response.headers_mut().insert("content-type", kind);
        self.out = Some(self.respond.send_response(response, ends).ok()?);
        Some(())
    }

    fn end(&mut self, status: u32, message: &str) -> Option<()> {
        self.ended = true;
        let mut ending = vec![(b"grpc-status".to_vec(), status.to_string().into_bytes())];
        if !message.is_empty() {
            ending.push((b"grpc-message".to_vec(), message.as_bytes().to_vec()));
        }
        let Some(out) = &mut self.out else { return self.begin(&ending, true) };
        self.trailers.extend(map(&ending));
        out.send_trailers(std::mem::take(&mut self.trailers)).ok()
    }
}

fn map(pairs: &[(Vec<u8>, Vec<u8>)]) -> HeaderMap {
    let parsed = pairs.iter().map(|(name, value)| {
        let name = HeaderName::from_bytes(name).expect("a name of a header");
        (name, HeaderValue::from_bytes(value).expect("a value of a header"))
    });
    parsed.collect()
}

/// The next message, once it is there as a whole.
fn take_message(read: &mut BytesMut) -> Option<Vec<u8>> {
    let size = read.get(1..PREFIX_BYTES)?.try_into().expect("four bytes");
    let size = usize::try_from(u32::from_be_bytes(size)).expect("it fits");
    read.get(PREFIX_BYTES..PREFIX_BYTES + size)?;
    Some(read.split_to(PREFIX_BYTES + size)[PREFIX_BYTES..].to_vec())
}
