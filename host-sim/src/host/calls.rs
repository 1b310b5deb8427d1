//! Calls of the guests: sending them, and handing over what comes of them. What a cluster answers
//! is left to `crate::callouts` and `crate::grpc`.

use super::{Due, Host, Task, Vm, deferred::DeferredCall};
use crate::{
    callouts::{Answer, PendingCall, fault::Fault},
    grpc::{GrpcAction, GrpcEvent, GrpcExchange, GrpcKind, GrpcReply, outcome_of_call, status},
    process::Process,
    timeline::{EventKind, Thread},
    vm::callback::Callback,
};

/// What `proxy_get_status` tells while a reset is handed over (cpp-host, `BrokenConnection`).
const BROKEN_CONNECTION: u32 = 11;

/// What Envoy says of a gRPC call whose connection is refused (measured).
const REFUSED: &str = "upstream connect error or disconnect/reset before headers. reset reason: \
    remote connection failure{upstream_reset_before_response_started{remote_connection_failure|\
    delayed_connect_error:_Connection_refused}}";

impl Host {
    /// Sends an HTTP call of a thread.
    pub(super) fn send_call(&mut self, thread: usize, call: PendingCall) {
        let Some(worker) = self.threads.get(thread) else { return };
        let (name, generation) = (worker.thread, worker.generation);
        let (token, root) = (call.token, call.root);
        if !self.process.lean.get() {
            note_sent(&self.process, name, &call);
        }
        let now_ns = self.process.now_ns.get();
        if self.process.callouts.borrow().is_deferred(&call) {
            self.deferred.push(DeferredCall { thread, generation, sent_ns: now_ns, call });
            return;
        }
        let answer = self.process.callouts.borrow_mut().perform(name, call, now_ns);
        if let Some(answer) = answer {
            let at_ns = answer.at_ns;
            let due = Due::Answer { root, token, answer };
            self.schedule.add(at_ns, Task { thread, generation, due });
        }
    }

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
            let reply =
                GrpcReply::close(status::UNAVAILABLE, "upstream request timeout{response_timeout}");
            reply_at(at_ns, reply);
        }
    }

    /// What the upstream replies to the events, and after how many nanoseconds.
    fn hear(&self, exchange: &GrpcExchange, events: &[GrpcEvent]) -> (Vec<GrpcReply>, u64) {
        let callouts = self.process.callouts.borrow();
        let Some(cluster) = callouts.clusters.get(&exchange.cluster) else {
            return (vec![GrpcReply::close(status::UNAVAILABLE, "Cluster not available")], 0);
        };
        let (upstream, latency_ns) = (cluster.grpc.clone(), cluster.delay_ns());
        // The upstream may be a function that looks at the host.
        drop(callouts);
        let unavailable = |message| vec![GrpcReply::close(status::UNAVAILABLE, message)];
        let begins = events.first() == Some(&GrpcEvent::Start);
        match (&exchange.fault, upstream) {
            (Fault::None | Fault::Duplicate, Some(upstream)) => {
                let replies =
                    events.iter().flat_map(|event| upstream.hear(&exchange.request, event));
                let replies: Vec<GrpcReply> = replies.collect();
                match exchange.kind {
                    GrpcKind::Stream => (replies, latency_ns),
                    GrpcKind::Call => (outcome_of_call(replies).into_iter().collect(), latency_ns),
                }
            }
            (Fault::Timeout | Fault::TimeoutButDelivered, _) => (Vec::new(), 0),
            (Fault::Reset | Fault::ResetButDelivered, _) if begins => {
                (unavailable("upstream connect error or disconnect/reset before headers"), 0)
            }
            _ if begins => (unavailable(REFUSED), 0),
            _ => (Vec::new(), 0),
        }
    }
}

fn note_sent(process: &Process, thread: Thread, call: &PendingCall) {
    let header = |name| call.request.header(name).unwrap_or_default();
    let kind = EventKind::CalloutSent {
        token: call.token,
        cluster: call.cluster.clone(),
        request: format!("{} {}", header(":method"), header(":path")),
        body_bytes: call.request.body.len(),
        fault: call.fault.name(),
    };
    process.record(Some(thread), kind);
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

/// Hands the answer of a call to the guest, which can read it during the callback only.
pub(super) fn deliver(process: &Process, vm: &mut Vm, (root, token): (u32, u32), answer: Answer) {
    let Answer { record, response, .. } = answer;
    let (status, body_bytes) = (response.status(), response.body.len());
    process.callouts.borrow_mut().note_answered(record, status, process.now_ns.get());
    vm.state().record(EventKind::CalloutAnswered { token, status, body_bytes });
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let [headers, trailers] = [response.headers.len(), response.trailers.len()].map(count);
    let arguments = [root, token, headers, count(body_bytes), trailers];
    if status.is_none() {
        vm.state().status = (BROKEN_CONNECTION, "reset".to_owned());
    }
    vm.state().call_response = Some(response);
    let _recorded = vm.call(Callback::HttpCallResponse, root, &arguments);
    vm.state().call_response = None;
    vm.state().status.1.clear();
}

/// Hands a reply to the guest, unless it has lost interest.
pub(super) fn deliver_grpc(vm: &mut Vm, token: u32, reply: GrpcReply) {
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
