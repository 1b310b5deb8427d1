//! What Envoy makes of the replies to a guest's gRPC: the headers and trailers of HTTP/2 in which the
//! metadata comes, and its own remarks in the status (measured).

use super::{GrpcExchange, GrpcKind, GrpcReply, status};
use crate::pairs::Pair;

/// Envoy says of each status from where it has it.
const VIA_UPSTREAM: &str = "via_upstream";

impl GrpcExchange {
    /// What the guest is shown of a reply of the server.
    pub(crate) fn shown(&mut self, reply: GrpcReply, now_ns: u64) -> Vec<GrpcReply> {
        let reply = match reply {
            GrpcReply::Close { status, message } => {
                return self.shown_end(status, message, now_ns);
            }
            reply if self.kind == GrpcKind::Call => return vec![reply],
            reply => reply,
        };
        match reply {
            GrpcReply::InitialMetadata(pairs) if !self.has_begun => vec![self.begin(pairs, now_ns)],
            GrpcReply::Message(_) if !self.has_begun => vec![self.begin(Vec::new(), now_ns), reply],
            GrpcReply::TrailingMetadata(pairs) => {
                self.trailers.extend(pairs);
                Vec::new()
            }
            // The metadata at the start comes once.
            GrpcReply::InitialMetadata(_) => Vec::new(),
            reply => vec![reply],
        }
    }

    /// What the guest is shown of a server that was not reached: a response that Envoy makes, all
    /// headers, which say less than the status.
    pub(crate) fn shown_in_place(&mut self, message: &str) -> Vec<GrpcReply> {
        let close = GrpcReply::close(status::UNAVAILABLE, message);
        if self.kind == GrpcKind::Call {
            return vec![close];
        }
        let said = message.split_once('{').map_or(message, |(said, _)| said);
        let trailers = vec![
            pair(":status", "200"),
            pair("content-type", "application/grpc"),
            pair("grpc-status", &status::UNAVAILABLE.to_string()),
            pair("grpc-message", said),
        ];
        let nothing = GrpcReply::InitialMetadata(Vec::new());
        vec![nothing, GrpcReply::TrailingMetadata(trailers), close]
    }

    fn shown_end(&mut self, status: u32, message: String, now_ns: u64) -> Vec<GrpcReply> {
        let remark = match message.as_str() {
            "" => VIA_UPSTREAM.to_owned(),
            message => format!("{message}{{{VIA_UPSTREAM}}}"),
        };
        let close = GrpcReply::Close { status, message: remark };
        if self.kind == GrpcKind::Call {
            return vec![close];
        }
        let mut trailers = std::mem::take(&mut self.trailers);
        trailers.push(pair("grpc-status", &status.to_string()));
        if !message.is_empty() {
            trailers.push(pair("grpc-message", &message));
        }
        if self.has_begun {
            return vec![GrpcReply::TrailingMetadata(trailers), close];
        }
        // A response that is all headers has no metadata at its start.
        let trailers = self.head(trailers, now_ns);
        let nothing = GrpcReply::InitialMetadata(Vec::new());
        vec![nothing, GrpcReply::TrailingMetadata(trailers), close]
    }

    fn begin(&mut self, pairs: Vec<Pair>, now_ns: u64) -> GrpcReply {
        self.has_begun = true;
        GrpcReply::InitialMetadata(self.head(pairs, now_ns))
    }

    /// The headers of the response. How long the server took is known once the request has ended.
    fn head(&self, pairs: Vec<Pair>, now_ns: u64) -> Vec<Pair> {
        let mut head = vec![pair(":status", "200")];
        head.extend(pairs);
        head.push(pair("content-type", "application/grpc"));
        if let Some(ended_ns) = self.request_ended_ns {
            let milliseconds = now_ns.saturating_sub(ended_ns) / 1_000_000;
            head.push(pair("x-envoy-upstream-service-time", &milliseconds.to_string()));
        }
        head
    }
}

fn pair(name: &str, value: &str) -> Pair {
    (name.into(), value.into())
}
