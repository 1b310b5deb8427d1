//! HTTP calls of the guests: sending them, and handing over what comes of them. What a cluster
//! answers is left to `crate::callouts`.

use super::{Due, Host, Task, Vm, deferred::DeferredCall};
use crate::{
    callouts::{Answer, PendingCall},
    process::Process,
    timeline::{EventKind, Thread},
    vm::callback::Callback,
};

/// What `proxy_get_status` tells while a reset is handed over (cpp-host, `BrokenConnection`).
const BROKEN_CONNECTION: u32 = 11;

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
