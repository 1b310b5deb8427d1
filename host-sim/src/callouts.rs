//! HTTP calls of the guests: which cluster takes them, how each is answered, and a record of all.
//! Checking the arguments of a call is left to `capability::callouts`, handing an answer to the
//! guest to `host`.

pub mod cluster;
pub mod fault;
pub mod network;
pub mod record;
pub mod reply;
pub mod template;
pub mod upstream;

use std::collections::BTreeMap;

use crate::{
    abi::Status,
    pairs::{self, Pair},
    process::kept,
    timeline::Thread,
    timestamp::Timestamp,
};
use cluster::{Backend, Cluster};
use fault::Fault;
use record::{CalloutRecord, Outcome};
use reply::CallResponse;

/// The request of a call, as the guest gave it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallRequest {
    /// The headers, pseudo-headers included.
    pub headers: Vec<Pair>,
    /// The body.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: Vec<Pair>,
}

impl CallRequest {
    /// Envoy says how long a body is, whatever the guest said.
    pub(crate) fn set_content_length(&mut self) {
        if !self.body.is_empty() {
            self.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(b"content-length"));
            let length = self.body.len().to_string().into_bytes();
            self.headers.push((b"content-length".to_vec(), length));
        }
    }

    /// How many bytes it has.
    pub(crate) fn bytes(&self) -> usize {
        [&self.headers, &self.trailers]
            .into_iter()
            .fold(self.body.len(), |sum, pairs| sum.saturating_add(pairs::serialized_len(pairs)))
    }

    /// The value of a header, as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }
}

/// A call that was accepted and has no answer yet.
#[derive(Debug)]
pub(crate) struct PendingCall {
    pub(crate) token: u32,
    /// The root that hears the answer.
    pub(crate) root: u32,
    pub(crate) cluster: String,
    pub(crate) request: CallRequest,
    pub(crate) timeout_ms: u32,
    pub(crate) fault: Fault,
}

/// The answer that a guest will see, and when.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Its place among the records, if they are kept.
    pub(crate) record: Option<usize>,
    pub(crate) at_ns: u64,
    pub(crate) response: CallResponse,
}

/// The clusters, and every call that was made.
#[derive(Default)]
pub(crate) struct Callouts {
    pub(crate) clusters: BTreeMap<String, Cluster>,
    pub(crate) records: Vec<CalloutRecord>,
    /// No records are kept.
    pub(crate) lean: bool,
    /// How many calls met a fault.
    pub(crate) faulty: u64,
    bytes: u64,
}

impl Callouts {
    /// Decides how the next call to `cluster` goes, or with which status it is refused.
    pub(crate) fn admit(&mut self, cluster: &str, now_ns: u64) -> Result<Fault, Status> {
        let cluster = self.clusters.get_mut(cluster).ok_or(Status::BadArgument)?;
        let fault = cluster.next_fault(now_ns);
        self.faulty += u64::from(fault != Fault::None);
        match fault {
            Fault::BadArgument => Err(Status::BadArgument),
            Fault::InternalFailure => Err(Status::InternalFailure),
            fault => Ok(fault),
        }
    }

    /// Notes a call that the guest could not make.
    pub(crate) fn note_refused(
        &mut self,
        thread: Thread,
        cluster: &str,
        request: CallRequest,
        (status, now_ns): (Status, u64),
    ) {
        let mut record = CalloutRecord::new(thread, 0, cluster, request, Timestamp(now_ns));
        record.outcome = Outcome::Refused { status_code: status.code() };
        self.keep(record);
    }

    /// Carries a call out as far as its fault lets it; `None` when no answer will ever come.
    pub(crate) fn perform(
        &mut self,
        thread: Thread,
        call: PendingCall,
        now_ns: u64,
    ) -> Option<Answer> {
        let backend = &self.clusters.get(&call.cluster)?.backend;
        let (mut deliveries, mut answer) = (0, None);
        for _ in 0..call.fault.deliveries() {
            answer = backend.answer(&call.request);
            deliveries += u32::from(answer.is_some());
        }
        self.conclude(thread, call, now_ns, (deliveries, answer))
    }

    /// Whether whoever runs the host is to carry a call out.
    pub(crate) fn is_deferred(&self, call: &PendingCall) -> bool {
        let cluster = self.clusters.get(&call.cluster);
        let is_deferred = cluster.is_some_and(|it| matches!(it.backend, Backend::Deferred));
        is_deferred && call.fault.deliveries() > 0
    }

    /// What the guest will see of a call that was made at `now_ns`, and that the backend got so
    /// many times and answered like this in the end; none if nobody took the connection.
    pub(crate) fn conclude(
        &mut self,
        thread: Thread,
        call: PendingCall,
        now_ns: u64,
        (deliveries, answer): (u32, Option<CallResponse>),
    ) -> Option<Answer> {
        let cluster = self.clusters.get(&call.cluster)?;
        let sent_at = Timestamp(now_ns);
        let mut record =
            CalloutRecord::new(thread, call.token, &call.cluster, call.request, sent_at);
        record.fault = call.fault.name();
        record.deliveries = deliveries;
        record.delivered_status = answer.as_ref().and_then(CallResponse::status);
        let is_sent = call.fault.deliveries() > 0;
        let is_answered = answer.is_some();
        let delivered = is_sent.then(|| answer.unwrap_or_else(CallResponse::refused));
        let mut response = call.fault.response(delivered, &record.request);
        let mut is_servers = is_answered && is_sent && call.fault.passes_answer();
        let timeout_ns = u64::from(call.timeout_ms) * 1_000_000;
        let delay_ns = match (call.fault.waits_for_timeout(), timeout_ns) {
            (true, 0) => None,
            (true, timeout_ns) => Some(timeout_ns),
            (false, 0) => Some(cluster.delay_ns()),
            (false, timeout_ns) => {
                let delay_ns = cluster.delay_ns();
                if delay_ns > timeout_ns {
                    is_servers = false;
                    response = CallResponse::timeout();
                }
                Some(delay_ns.min(timeout_ns))
            }
        };
        if let (true, Some(delay_ns)) = (is_servers, delay_ns) {
            response.add_service_time(delay_ns);
        }
        let record = self.keep(record);
        let at_ns = now_ns.saturating_add(delay_ns?);
        Some(Answer { record, at_ns, response })
    }

    /// Keeps a record, if records are kept; gives its place.
    fn keep(&mut self, record: CalloutRecord) -> Option<usize> {
        if self.lean {
            return None;
        }
        self.bytes = self.bytes.saturating_add(kept::size(record.request.bytes()));
        self.records.push(record);
        Some(self.records.len() - 1)
    }

    /// How many bytes the records have.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Notes that the guest has seen an answer.
    pub(crate) fn note_answered(
        &mut self,
        record: Option<usize>,
        status: Option<u16>,
        now_ns: u64,
    ) {
        if let Some(record) = record.and_then(|place| self.records.get_mut(place)) {
            let at = Timestamp(now_ns);
            record.outcome = match status {
                Some(status) => Outcome::Answered { status, at },
                None => Outcome::Reset { at },
            };
        }
    }
}
