//! gRPC of the guests: telling an upstream what a guest does, and handing over what it replies. What
//! Envoy makes of a reply is left to `crate::grpc`.

use super::{Due, Host, Task, Vm};
use crate::{
    callouts::fault::Fault,
    grpc::{
        GrpcAction, GrpcEvent, GrpcExchange, GrpcKind, GrpcReply, Reply, outcome_of_call, status,
    },
    process::Process,
    timeline::{EventKind, Thread},
    vm::callback::Callback,
};

/// What Envoy says of a gRPC call whose connection is refused (measured).
const REFUSED: &str = "upstream connect error or disconnect/reset before headers. reset reason: \
    remote connection failure{upstream_reset_before_response_started{remote_connection_failure|\
    delayed_connect_error:_Connection_refused}}";

impl Host {
    /// Tells an upstream what a guest does, and schedules what it replies.
    pub(super) fn send_grpc(&mut self, thread: usize, action: GrpcAction) {
        let Some(worker) = self.threads.get(thread) else { return };
        let (name, generation) = (worker.thread, worker.generation);
        let GrpcAction { token, exchange, events } = action;
        note_grpc(&self.process, name, token, &exchange, &events);
        let (replies, delay_ns) = self.hear(&exchange, &events);
        let now_ns = self.process.now_ns.get();
        let mut reply_at = |at_ns: u64, reply| {
            let due = Due::Grpc { token, reply };
            self.schedule.add(at_ns, Task { thread, generation, due });
        };
        for reply in replies {
            reply_at(now_ns.saturating_add(delay_ns), reply);
        }
        let begins = events.first() == Some(&GrpcEvent::Start);
        if begins && exchange.timeout_ms > 0 {
            let at_ns = now_ns.saturating_add(u64::from(exchange.timeout_ms) * 1_000_000);
            let message = "upstream request timeout{response_timeout}";
            reply_at(at_ns, Reply::Envoys(status::UNAVAILABLE, message));
        }
    }

    /// What the upstream replies to the events, and after how many nanoseconds.
    fn hear(&self, exchange: &GrpcExchange, events: &[GrpcEvent]) -> (Vec<Reply>, u64) {
        let callouts = self.process.callouts.borrow();
        let Some(cluster) = callouts.clusters.get(&exchange.cluster) else {
            return (vec![Reply::Envoys(status::UNAVAILABLE, "Cluster not available")], 0);
        };
        let (upstream, latency_ns) = (cluster.grpc.clone(), cluster.delay_ns());
        // The upstream may be a function that looks at the host.
        drop(callouts);
        let begins = events.first() == Some(&GrpcEvent::Start);
        match (&exchange.fault, upstream) {
            (Fault::None | Fault::Duplicate, Some(upstream)) => {
                let replies =
                    events.iter().flat_map(|event| upstream.hear(&exchange.request, event));
                let replies: Vec<GrpcReply> = replies.collect();
                let replies = match exchange.kind {
                    GrpcKind::Stream => replies.into_iter().map(Reply::Servers).collect(),
                    GrpcKind::Call => outcome_of_call(replies).into_iter().collect(),
                };
                (replies, latency_ns)
            }
            (Fault::Timeout | Fault::TimeoutButDelivered, _) => (Vec::new(), 0),
            (Fault::Reset | Fault::ResetButDelivered, _) if begins => (
                vec![Reply::InPlace("upstream connect error or disconnect/reset before headers")],
                0,
            ),
            _ if begins => (vec![Reply::InPlace(REFUSED)], 0),
            _ => (Vec::new(), 0),
        }
    }
}

fn note_grpc(
    process: &Process,
    thread: Thread,
    token: u32,
    exchange: &GrpcExchange,
    events: &[GrpcEvent],
) {
    for event in events {
        let what = match event {
            GrpcEvent::Start => {
                let crate::grpc::GrpcRequest { service, method, .. } = &exchange.request;
                format!("{service}/{method} to {}", exchange.cluster)
            }
            GrpcEvent::Message(message) => format!("sent {} bytes", message.len()),
            GrpcEvent::HalfClose => "sends no more".to_owned(),
            GrpcEvent::Cancel => "cancelled".to_owned(),
        };
        process.record(Some(thread), EventKind::Grpc { token, what });
    }
}

/// Hands a reply to the guest, in as many callbacks as Envoy makes of it.
pub(super) fn deliver(vm: &mut Vm, token: u32, reply: Reply) {
    let state = vm.state();
    let now_ns = state.process.now_ns.get();
    let Some(exchange) = state.grpc.exchanges.get_mut(&token) else { return };
    let replies = match reply {
        Reply::Servers(reply) => exchange.shown(reply, now_ns),
        Reply::Envoys(status, message) => vec![GrpcReply::close(status, message)],
        Reply::InPlace(message) => exchange.shown_in_place(message),
    };
    for reply in replies {
        deliver_one(vm, token, reply);
    }
}

/// Hands over one callback, unless the guest has lost interest.
fn deliver_one(vm: &mut Vm, token: u32, reply: GrpcReply) {
    let state = vm.state();
    let Some(exchange) = state.grpc.exchanges.get_mut(&token).filter(|known| !known.remote_closed)
    else {
        return;
    };
    let root = exchange.root;
    let ends_call = exchange.kind == GrpcKind::Call;
    exchange.remote_closed |= ends_call || matches!(reply, GrpcReply::Close { .. });
    let is_over = exchange.remote_closed && exchange.local_closed;
    match reply {
        GrpcReply::InitialMetadata(pairs) => {
            let arguments = [root, token, count(pairs.len())];
            state.grpc.initial_metadata = Some(pairs);
            let _recorded = vm.call(Callback::GrpcInitialMetadata, root, &arguments);
        }
        GrpcReply::Message(message) => {
            state.record(EventKind::Grpc { token, what: format!("got {} bytes", message.len()) });
            let arguments = [root, token, count(message.len())];
            state.grpc.message = Some(message);
            let _recorded = vm.call(Callback::GrpcMessage, root, &arguments);
        }
        GrpcReply::TrailingMetadata(pairs) => {
            let arguments = [root, token, count(pairs.len())];
            state.grpc.trailing_metadata = Some(pairs);
            let _recorded = vm.call(Callback::GrpcTrailingMetadata, root, &arguments);
        }
        GrpcReply::Close { status, message } => {
            state.record(EventKind::Grpc { token, what: format!("closed with status {status}") });
            state.status = (status, message);
            let _recorded = vm.call(Callback::GrpcClose, root, &[root, token, status]);
            vm.state().status.1.clear();
        }
    }
    let grpc = &mut vm.state().grpc;
    (grpc.initial_metadata, grpc.trailing_metadata, grpc.message) = (None, None, None);
    if is_over {
        grpc.exchanges.remove(&token);
    }
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
