//! gRPC of the guests: who answers, with what, and a call or a stream while it lasts. What a guest
//! is shown of a reply is in `shown`; checking arguments is left to `capability::grpc`, handing
//! replies to the guest to `host`.

mod shown;

use std::{fmt, rc::Rc};

use crate::{pairs::Pair, process::kept::Share};

/// gRPC's own names for the statuses that this host gives by itself.
pub(crate) mod status {
    pub(crate) const OK: u32 = 0;
    pub(crate) const INTERNAL: u32 = 13;
    pub(crate) const UNAVAILABLE: u32 = 14;
}

/// What a call or a stream is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrpcRequest {
    /// The service, such as `package.Service`.
    pub service: String,
    /// The method.
    pub method: String,
    /// The metadata with which it begins.
    pub metadata: Vec<Pair>,
}

impl GrpcRequest {
    /// A request with this metadata.
    #[must_use]
    pub fn new(service: impl Into<String>, method: impl Into<String>, metadata: Vec<Pair>) -> Self {
        Self { service: service.into(), method: method.into(), metadata }
    }
}

/// What an upstream hears of a call or a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrpcEvent {
    /// It begins.
    Start,
    /// The guest sent a message. A call has one.
    Message(Vec<u8>),
    /// The guest sends no more.
    HalfClose,
    /// The guest has no more interest: no reply reaches it.
    Cancel,
}

/// What an upstream replies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrpcReply {
    /// The metadata at the start, besides what Envoy shows with it: `:status`, `content-type`, and
    /// the time it took. A guest does not see that of a call.
    InitialMetadata(Vec<Pair>),
    /// A message. A call takes the first.
    Message(Vec<u8>),
    /// The metadata at the end, besides `grpc-status` and `grpc-message`, with which it is shown. A
    /// guest does not see that of a call.
    TrailingMetadata(Vec<Pair>),
    /// The end, with a status of gRPC; 0 is OK.
    Close {
        /// The status.
        status: u32,
        /// What is said with it.
        message: String,
    },
}

impl GrpcReply {
    /// The end with OK.
    #[must_use]
    pub fn ok() -> Self {
        Self::close(status::OK, "")
    }

    /// The end with this status.
    #[must_use]
    pub fn close(status: u32, message: &str) -> Self {
        Self::Close { status, message: message.to_owned() }
    }
}

/// Who answers gRPC: a function of the test, called with each event.
#[derive(Clone)]
pub struct GrpcUpstream(Rc<GrpcFunction>);

type GrpcFunction = dyn Fn(&GrpcRequest, &GrpcEvent) -> Vec<GrpcReply>;

impl GrpcUpstream {
    /// An upstream that replies with what this function gives for each event.
    pub fn new(function: impl Fn(&GrpcRequest, &GrpcEvent) -> Vec<GrpcReply> + 'static) -> Self {
        Self(Rc::new(function))
    }

    /// An upstream that gives this message to every call.
    #[must_use]
    pub fn message(message: &[u8]) -> Self {
        let message = message.to_vec();
        Self::new(move |_, event| match event {
            GrpcEvent::Message(_) => vec![GrpcReply::Message(message.clone()), GrpcReply::ok()],
            _ => Vec::new(),
        })
    }

    pub(crate) fn hear(&self, request: &GrpcRequest, event: &GrpcEvent) -> Vec<GrpcReply> {
        (self.0)(request, event)
    }
}

impl fmt::Debug for GrpcUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GrpcUpstream")
    }
}

/// What the guest asked for; done after the callback.
#[derive(Clone, Debug)]
pub(crate) struct GrpcAction {
    pub(crate) token: u32,
    /// What the token is of, which may have ended by now.
    pub(crate) exchange: GrpcExchange,
    pub(crate) events: Vec<GrpcEvent>,
}

/// Whether there is one message each way, or many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrpcKind {
    Call,
    Stream,
}

/// A call or a stream while it lasts.
#[derive(Clone, Debug)]
pub(crate) struct GrpcExchange {
    pub(crate) kind: GrpcKind,
    /// The root that hears the replies.
    pub(crate) root: u32,
    pub(crate) cluster: String,
    pub(crate) request: GrpcRequest,
    pub(crate) timeout_ms: u32,
    pub(crate) fault: crate::callouts::fault::Fault,
    /// The guest has ended its side.
    pub(crate) local_closed: bool,
    /// The upstream has ended its side.
    pub(crate) remote_closed: bool,
    /// When the guest has sent its last message.
    pub(crate) request_ended_ns: Option<u64>,
    /// The metadata at the start has come.
    pub(crate) has_begun: bool,
    /// The metadata at the end, which comes with the status.
    pub(crate) trailers: Vec<Pair>,
    /// What it takes of the host's memory, as long as it lasts.
    pub(crate) _share: Rc<Share>,
}

/// A reply, and who gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// The server.
    Servers(GrpcReply),
    /// Envoy ends the exchange by itself.
    Envoys(u32, &'static str),
    /// Envoy responds in the place of a server that it has not reached.
    InPlace(&'static str),
}

/// What a call comes to: a message, or a failure; nothing as long as the upstream says nothing.
pub(crate) fn outcome_of_call(replies: Vec<GrpcReply>) -> Option<Reply> {
    let mut found = None;
    for reply in replies {
        match reply {
            GrpcReply::Message(_) if found.is_none() => found = Some(Reply::Servers(reply)),
            GrpcReply::Close { status: status::OK, .. } => {
                // Nothing at all is an error, though it ends well.
                return found.or(Some(Reply::Envoys(status::INTERNAL, "")));
            }
            GrpcReply::Close { .. } => return Some(Reply::Servers(reply)),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_comes_to_a_message_or_to_a_failure() {
        let message = || GrpcReply::Message(b"m".to_vec());
        let failed = || GrpcReply::close(5, "no");
        let servers = |reply| Some(Reply::Servers(reply));
        assert_eq!(outcome_of_call(vec![message(), GrpcReply::ok()]), servers(message()));
        assert_eq!(outcome_of_call(vec![message(), failed()]), servers(failed()));
        assert_eq!(outcome_of_call(vec![GrpcReply::ok()]), Some(Reply::Envoys(13, "")));
        assert_eq!(outcome_of_call(vec![message()]), None);
    }
}
